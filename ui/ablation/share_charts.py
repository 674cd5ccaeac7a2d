"""Shapley shares as figures: steps to a score, and a table of emotions by modalities. Scores are in [0, 1],
shown in percent. Free of Streamlit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.runs.ablation import Shares
from ui.figure import bar_marker, error_bars, gain, number, quiet, signed
from ui.results.confusion_charts import RIGHT, WRONG
from ui.theme import MODALITY_COLOURS, OUTLINE, emotion_name

_DARK = "#1C1F26"  # text on a tinted cell of a light page
_WHITE_FROM = 0.85  # share of full colour from which white reads better


def score_steps(
    shares: Shares, total_name: str, start_name: str = "Majority class", ink: str | None = None
) -> go.Figure:
    """From the score without anything to the score with all, one step for each modality's Shapley share, with
    its interval.

    Args:
        shares: scalars, as `ablation.score_shares` gives them.
        total_name: title of the last bar.
        start_name: title of the first bar.
        ink: colour of the text; None leaves it to the theme.
    """
    steps = list(shares.value)
    values = [float(shares.value[m]) for m in steps]
    starts = float(shares.start) + np.concatenate([[0.0], np.cumsum(values)])
    names = [start_name, *(MODALITY_TITLES[m] for m in steps), total_name]
    texts = [
        number(float(shares.start)),
        *(gain(v, float(shares.low[m]), float(shares.high[m])) for m, v in zip(steps, values, strict=True)),
        number(float(shares.total)),
    ]
    figure = go.Figure(
        go.Bar(
            x=[float(shares.start), *values, float(shares.total)],
            y=names,
            base=[0.0, *starts[:-1], 0.0],
            orientation="h",
            marker=bar_marker([OUTLINE, *(MODALITY_COLOURS[m] for m in steps), OUTLINE]),
            error_x=_interval(shares, ink),
            customdata=texts,
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )
    )
    name_rows(figure, [f"<b>{n}</b><br>{t}" for n, t in zip(names, texts, strict=True)], names)
    ends = [min(0.0, float(starts.min())), 1.0]
    figure.update_xaxes(range=ends, tickformat=".0%", fixedrange=True, showgrid=False, zeroline=False)
    return quiet(figure, ink, height=48 * len(names) + 36, bargap=0.35).update_layout(margin={"r": 22})


def _interval(shares: Shares, ink: str | None) -> dict[str, object]:
    """Error bars of the steps; the first and the last bar have none."""
    up = [float(np.nan_to_num(shares.high[m] - shares.value[m])) for m in shares.value]
    down = [float(np.nan_to_num(shares.value[m] - shares.low[m])) for m in shares.value]
    return error_bars([0.0, *up, 0.0], [0.0, *down, 0.0], ink or OUTLINE)


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
    """One row for each emotion: where it starts, what each modality adds (blue) or takes away (orange), where
    it ends.

    Args:
        labels: C emotions.
        start: (C,) score without any modality.
        shares: {modality: (C,)} Shapley shares; with `start` they sum to `total`.
        total: (C,) score with all.
        names: of the first and the last column.
        ink: colour of the text; None leaves it to the theme.
        intervals: {modality: (low (C,), high (C,))}, shown when a cell is pointed at.
    """
    columns = [names[0], *(MODALITY_TITLES[m] for m in shares), names[1]]
    rows = [emotion_name(label) for label in labels]
    z = np.stack([np.full(len(rows), np.nan), *shares.values(), np.full(len(rows), np.nan)], axis=1)
    text = _cell_texts(start, shares, total)
    top = float(np.nanmax(np.abs(z[:, 1:-1]), initial=0.0)) or 1.0
    style = {"zmin": -top, "zmax": top, "xgap": 3, "ygap": 3, "showscale": False, "hoverongaps": False}
    tips = _tips(text, shares, intervals)
    figure = go.Figure(go.Heatmap(z=z, x=columns, y=rows, colorscale=_scale(ink), customdata=tips, **style))
    figure.update_traces(hovertemplate="%{y}, %{x}: %{customdata}<extra></extra>")
    colours = _write_cells(figure, text, np.nan_to_num(np.abs(z)) / top, ~np.isnan(z), ink)
    bare = {"fixedrange": True, "showgrid": False, "zeroline": False, "ticks": "", "tickfont": {"size": 13}}
    figure.update_xaxes(side="top", type="category", **bare)
    figure.update_yaxes(autorange="reversed", automargin=True, **bare)
    figure = quiet(figure, ink, height=34 * len(rows) + 44)
    for trace, colour in zip(figure.data[1:], colours, strict=True):
        trace.textfont.color = colour
    return figure


def _cell_texts(start: np.ndarray, shares: Mapping[Modality, np.ndarray], total: np.ndarray) -> np.ndarray:
    """(C, M + 2) texts: start, shares and total of each emotion."""
    rows = [
        [number(start[c]), *(signed(v[c]) for v in shares.values()), f"<b>{number(total[c])}</b>"]
        for c in range(len(start))
    ]
    return np.array(rows, dtype=object)


def _tips(
    text: np.ndarray,
    shares: Mapping[Modality, np.ndarray],
    intervals: Mapping[Modality, tuple[np.ndarray, np.ndarray]] | None,
) -> np.ndarray:
    """The texts of the cells, those of the shares with their intervals where these are known."""
    tips = text.copy()
    for column, modality in enumerate(shares, start=1):
        for c in range(len(tips)):
            low, high = (None, None)
            if intervals is not None:
                low, high = (float(end[c]) for end in intervals[modality])
            tips[c, column] = gain(float(shares[modality][c]), low, high)
    return tips


def _write_cells(
    figure: go.Figure, text: np.ndarray, strength: np.ndarray, tinted: np.ndarray, ink: str | None
) -> list[str | None]:
    """Write the figures: white on strong colour, dark on a tint of a light page, in the text's colour
    elsewhere. Return the three colours.
    """
    columns, rows = list(figure.data[0].x), list(figure.data[0].y)
    strong = strength > _WHITE_FROM
    layers = ((strong, "#FFFFFF"), (tinted & ~strong, ink and _DARK), (~tinted, ink))
    for cells, _ in layers:
        at = np.argwhere(cells)
        x, y = [columns[j] for _, j in at], [rows[i] for i, _ in at]
        style = {"mode": "text", "textfont": {"size": 13}, "hoverinfo": "skip"}
        figure.add_scatter(x=x, y=y, text=text[cells].tolist(), **style)
    return [colour for _, colour in layers]


def _scale(ink: str | None) -> list[list[float | str]]:
    """Orange over nothing to blue. On a light page cells are opaque: dark text stays legible should it have
    just turned dark.
    """

    def tint(colour: str, strength: float) -> str:
        if ink is None:
            return f"rgba({colour}, {strength})"
        mixed = (round(255 + strength * (int(part) - 255)) for part in colour.split(","))
        return f"rgb({', '.join(map(str, mixed))})"

    return [
        [0, tint(WRONG, 0.95)],
        [0.5, tint(WRONG, 0.05)],
        [0.5, tint(RIGHT, 0.05)],
        [1, tint(RIGHT, 0.95)],
    ]


def name_rows(figure: go.Figure, labels: Sequence[str], names: Sequence[str]) -> None:
    """Rows from top to bottom, each with a label of one or two lines."""
    figure.update_yaxes(
        autorange="reversed",
        fixedrange=True,
        tickvals=names,
        ticktext=labels,
        tickfont={"size": 13},
        ticks="",
        ticklabelstandoff=8,
        automargin=True,
    )
