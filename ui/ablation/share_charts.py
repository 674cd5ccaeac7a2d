"""Shapley shares as figures: steps to a score, and a table of emotions by modalities. Scores are in [0, 1], shown in percent. Free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from mmer_core.ablation import Shares
from mmer_core.labels import MODALITY_COLOURS, MODALITY_TITLES, Modality
from ui.figure import OUTLINE, emotion_name, gain, number, quiet, signed
from ui.results.confusion_charts import RIGHT, WRONG

_DARK, _WHITE_FROM = "#1C1F26", 0.85  # text on a tinted cell of a light page; the share of full colour from which white reads better


def score_steps(shares: Shares, total_name: str, start_name: str = "Majority class", ink: str | None = None) -> go.Figure:
    """From the score without anything to the score with all, one step for each modality's Shapley share, with its interval.

    Args:
        shares: scalars, as `ablation.score_shares` gives them.
        total_name: what to call the last bar.
        start_name: what to call the first.
        ink: colour of the text; None leaves it to the theme.
    """
    steps = list(shares.value)
    values = [float(shares.value[m]) for m in steps]
    starts = float(shares.start) + np.concatenate([[0.0], np.cumsum(values)])
    names = [start_name, *(MODALITY_TITLES[m] for m in steps), total_name]
    base, length = [0.0, *starts[:-1], 0.0], [float(shares.start), *values, float(shares.total)]
    texts = [
        number(float(shares.start)),
        *(gain(v, float(shares.low[m]), float(shares.high[m])) for m, v in zip(steps, values, strict=True)),
        number(float(shares.total)),
    ]
    up = [0.0, *(float(np.nan_to_num(shares.high[m] - shares.value[m])) for m in steps), 0.0]
    down = [0.0, *(float(np.nan_to_num(shares.value[m] - shares.low[m])) for m in steps), 0.0]
    figure = go.Figure(
        go.Bar(
            x=length,
            y=names,
            base=base,
            orientation="h",
            marker={
                "color": [OUTLINE, *(MODALITY_COLOURS[m] for m in steps), OUTLINE],
                "line": {"color": OUTLINE, "width": 1},
                "cornerradius": 3,
            },
            error_x={"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": ink or OUTLINE, "thickness": 1.5, "width": 5},
            customdata=texts,
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )
    )
    name_rows(figure, [f"<b>{n}</b><br>{t}" for n, t in zip(names, texts, strict=True)], names)
    figure.update_xaxes(range=[min(0.0, float(starts.min())), 1.0], tickformat=".0%", fixedrange=True, showgrid=False, zeroline=False)
    return quiet(figure, ink, height=48 * len(names) + 36, bargap=0.35).update_layout(margin={"r": 22})


def share_table(
    labels: Sequence[str],
    start: np.ndarray,
    shares: Mapping[Modality, np.ndarray],
    total: np.ndarray,
    *,
    names: tuple[str, str],
    ink: str | None = None,
    intervals: Mapping[Modality, tuple[np.ndarray, np.ndarray]] | None = None,
) -> go.Figure:
    """One row for each emotion: where it starts, what each modality adds (blue) or takes away (orange), where it ends.

    Args:
        labels: C emotions.
        start: (C,) score without any modality.
        shares: {modality: (C,)} Shapley shares; with `start` they sum to `total`.
        total: (C,) score with all.
        names: of the first and the last column.
        ink: colour of the text; None leaves it to the theme.
        intervals: {modality: (low (C,), high (C,))}, told when pointed at.
    """
    columns = [names[0], *(MODALITY_TITLES[m] for m in shares), names[1]]
    rows = [emotion_name(label) for label in labels]
    z = np.stack([np.full(len(rows), np.nan), *shares.values(), np.full(len(rows), np.nan)], axis=1)
    text = np.array(
        [[number(start[c]), *(signed(v[c]) for v in shares.values()), f"<b>{number(total[c])}</b>"] for c in range(len(rows))], dtype=object
    )
    hover = text.copy()
    for column, modality in enumerate(shares, start=1):
        for c in range(len(rows)):
            ends = (None, None) if intervals is None else (float(intervals[modality][0][c]), float(intervals[modality][1][c]))
            hover[c, column] = gain(float(shares[modality][c]), *ends)
    top = float(np.nanmax(np.abs(z[:, 1:-1]), initial=0.0)) or 1.0
    figure = go.Figure(
        go.Heatmap(
            z=z, x=columns, y=rows, zmin=-top, zmax=top, xgap=3, ygap=3, showscale=False,
            colorscale=_scale(ink), customdata=hover,
            hovertemplate="%{y}, %{x}: %{customdata}<extra></extra>", hoverongaps=False,
        )
    )  # fmt: skip
    strength = np.nan_to_num(np.abs(z)) / top
    strong, tinted = strength > _WHITE_FROM, ~np.isnan(z)
    for cells, colour in ((strong, "#FFFFFF"), (tinted & ~strong, ink and _DARK), (~tinted, ink)):
        at = np.argwhere(cells)
        figure.add_scatter(
            x=[columns[j] for _, j in at], y=[rows[i] for i, _ in at], mode="text", text=text[cells].tolist(), textfont={"size": 13},
            hoverinfo="skip", meta=colour,
        )  # fmt: skip
    figure.update_xaxes(side="top", fixedrange=True, showgrid=False, zeroline=False, ticks="", tickfont={"size": 13}, type="category")
    figure.update_yaxes(autorange="reversed", fixedrange=True, showgrid=False, zeroline=False, ticks="", tickfont={"size": 13}, automargin=True)
    figure = quiet(figure, ink, height=34 * len(rows) + 44)
    for trace in figure.data[1:]:
        trace.textfont.color = trace.meta
    return figure


def _scale(ink: str | None) -> list[list[float | str]]:
    """Orange over nothing to blue. On a light page cells are opaque: dark text stays legible should it have just turned dark."""

    def tint(colour: str, strength: float) -> str:
        if ink is None:
            return f"rgba({colour}, {strength})"
        mixed = (round(255 + strength * (int(part) - 255)) for part in colour.split(","))
        return f"rgb({', '.join(map(str, mixed))})"

    return [[0, tint(WRONG, 0.95)], [0.5, tint(WRONG, 0.05)], [0.5, tint(RIGHT, 0.05)], [1, tint(RIGHT, 0.95)]]


def name_rows(figure: go.Figure, labels: Sequence[str], names: Sequence[str]) -> None:
    """Rows from top to bottom, each with a label of one or two lines."""
    figure.update_yaxes(
        autorange="reversed", fixedrange=True, tickvals=names, ticktext=labels, tickfont={"size": 13}, ticks="", ticklabelstandoff=8, automargin=True
    )
