"""Figures of a run with modalities taken away. Scores are in [0, 1], shown in percent. Free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.runs.robustness import Case, Robustness
from ui.ablation.share_charts import name_rows
from ui.figure import bar_marker, error_bars, number, quiet, score, subset_colour, subset_title
from ui.theme import MODALITY_COLOURS, OUTLINE


def subset_bars(
    scores: Mapping[str, Sequence[float | None]],
    chosen: str,
    lines: Mapping[str, float],
    ink: str | None = None,
) -> go.Figure:
    """One score of every modality subset with its interval, the chosen one at full strength.

    Args:
        scores: {subset: [value, low, high]}, ends None where unknown.
        chosen: the subset that is switched on.
        lines: {name: score} of upright reference lines, such as chance and majority.
        ink: colour of the text; None leaves it to the theme.
    """
    names = [subset_title(s) for s in scores]
    values = [float(s[0] or 0.0) for s in scores.values()]
    texts = [score(s) for s in scores.values()]
    line = {"color": OUTLINE, "width": [2.5 if s == chosen else 1 for s in scores]}
    opacity = [1.0 if s == chosen else 0.5 for s in scores]
    marker = bar_marker([subset_colour(s) for s in scores], opacity=opacity, line=line)
    figure = go.Figure(
        go.Bar(
            x=values,
            y=names,
            orientation="h",
            marker=marker,
            error_x=_interval(list(scores.values()), values, ink),
            customdata=texts,
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )
    )
    _reference_lines(figure, lines, ink)
    bold = [f"<b>{n}</b>" if s == chosen else n for s, n in zip(scores, names, strict=True)]
    labels = [f"{n}<br>{t}" for n, t in zip(bold, texts, strict=True)]
    name_rows(figure, labels, names)
    axis = {"fixedrange": True, "showgrid": False, "zeroline": False, "tickfont": {"size": 12}}
    figure.update_xaxes(range=[0, 1.0], tickformat=".0%", **axis)
    quiet(figure, ink, height=46 * len(names) + 64, bargap=0.35).update_layout(margin={"t": 26, "r": 22})
    return figure


def _interval(
    scores: Sequence[Sequence[float | None]], values: Sequence[float], ink: str | None
) -> dict[str, object]:
    """Error bars from [value, low, high] rows; none where an end is unknown."""
    up = [0.0 if s[2] is None else s[2] - v for s, v in zip(scores, values, strict=True)]
    down = [0.0 if s[1] is None else v - s[1] for s, v in zip(scores, values, strict=True)]
    return error_bars(up, down, ink or OUTLINE)


def _reference_lines(figure: go.Figure, lines: Mapping[str, float], ink: str | None) -> None:
    """Dotted uprights with their name above; names that would lie on each other share one."""
    merged: list[tuple[float, list[str]]] = []
    for name, value in sorted(lines.items(), key=lambda item: item[1]):
        if merged and value - merged[-1][0] < 0.15:
            merged[-1][1].append(f"{name} {number(value)}")
        else:
            merged.append((value, [f"{name} {number(value)}"]))
    for value in lines.values():
        figure.add_vline(x=value, line={"color": ink or OUTLINE, "width": 1.5, "dash": "dot"})
    for value, names in merged:
        figure.add_annotation(
            x=value,
            y=1,
            yref="paper",
            yanchor="bottom",
            xanchor="left" if value < 0.5 else "right",
            text=", ".join(names),
            showarrow=False,
            font=_font(ink),
        )


def disagreement_bars(
    cases: Sequence[Case], first: Modality, second: Modality, ink: str | None = None
) -> go.Figure:
    """The five ways in which two modalities relate: how many clips, and (solid) how often the answer of all
    modalities is right in them.
    """
    names = case_names(first, second)
    rows = [names[c.kind] for c in cases]
    shades = (OUTLINE, MODALITY_COLOURS[first], MODALITY_COLOURS[second], OUTLINE, OUTLINE)
    colour_of = dict(zip(names, shades, strict=True))
    colours = [colour_of[c.kind] for c in cases]
    right = [c.share * c.fused_right if c.n else 0.0 for c in cases]
    wrong = [c.share - r for c, r in zip(cases, right, strict=True)]
    texts = [
        f"{number(c.share)}% of clips (n {c.n:,}), fused right in {number(c.fused_right)}%"
        if c.n
        else "no clip"
        for c in cases
    ]
    figure = go.Figure()
    for lengths, opacity in ((right, 1.0), (wrong, 0.25)):
        figure.add_bar(
            x=lengths,
            y=rows,
            orientation="h",
            marker={"color": colours, "line": {"color": OUTLINE, "width": 1}, "opacity": opacity},
            customdata=texts,
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )
    labels = [
        f"<b>{n}</b><br>{number(c.share)}%, fused right {number(c.fused_right)}%"
        for n, c in zip(rows, cases, strict=True)
    ]
    name_rows(figure, labels, rows)
    figure.update_xaxes(tickformat=".0%", fixedrange=True, showgrid=False, zeroline=False, rangemode="tozero")
    figure.update_layout(barmode="stack")
    return quiet(figure, ink, height=46 * len(rows) + 36, bargap=0.35)


def case_names(first: Modality, second: Modality) -> dict[str, str]:
    """{kind of `ablation.Case`: its title}."""
    one, other = MODALITY_TITLES[first].lower(), MODALITY_TITLES[second].lower()
    return {
        "both right": "Both right",
        "only first right": f"Only {one} right",
        "only second right": f"Only {other} right",
        "same error": "Both wrong, same answer",
        "different errors": "Both wrong, differently",
    }


def robustness_lines(result: Robustness, floor: float, ink: str | None = None) -> go.Figure:
    """Expected score over the share of clips that lack something.

    Args:
        result: of `ablation.robustness`.
        floor: the majority class's score, drawn as a dotted line.
        ink: colour of the text; None leaves it to the theme.
    """
    figure = go.Figure()
    for modality, curve in result.without.items():
        name = f"{MODALITY_TITLES[modality]} missing"
        _line(figure, result.missing, curve, name=name, colour=MODALITY_COLOURS[modality], dash="solid")
    for curve, name, dash in (
        (result.random, "One at random missing", "dash"),
        (result.worst, "The worst one missing", "dot"),
        (result.independent, "Each missing independently", "longdashdot"),
    ):
        _line(figure, result.missing, curve, name=name, colour=OUTLINE, dash=dash)
    _floor(figure, floor, ink)
    axis = {"tickformat": ".0%", "fixedrange": True, "zeroline": False}
    title = {"text": "Share of clips concerned", "font": _font(ink)}
    figure.update_xaxes(title=title, showgrid=False, range=[0, 1], **axis)
    best = max(float(curve.max()) for curve in (result.random, result.independent, *result.without.values()))
    figure.update_yaxes(range=[0, min(1.0, best + 0.05)], gridcolor="rgba(128,128,128,0.2)", **axis)
    figure = quiet(figure, ink, height=420)
    fixed = {"itemclick": False, "itemdoubleclick": False}
    legend = {"orientation": "h", "y": -0.18, "yanchor": "top", "x": 0, "font": _font(ink), **fixed}
    margin = {"b": 8, "r": 22}
    return figure.update_layout(showlegend=True, legend=legend, hovermode="x unified", margin=margin)


def _floor(figure: go.Figure, value: float, ink: str | None) -> None:
    """The majority class's score as a dotted line with its name."""
    figure.add_hline(y=value, line={"color": ink or OUTLINE, "width": 1.5, "dash": "dot"})
    figure.add_annotation(
        x=0,
        xref="paper",
        y=value,
        yanchor="top",
        xanchor="left",
        showarrow=False,
        text=f"Majority class {number(value)}",
        font=_font(ink),
    )


def _font(ink: str | None) -> dict[str, object]:
    return {"size": 12, **({} if ink is None else {"color": ink})}


def _line(figure: go.Figure, x: np.ndarray, y: np.ndarray, *, name: str, colour: str, dash: str) -> None:
    figure.add_scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        line={"color": colour, "width": 3 if dash == "solid" else 2, "dash": dash},
        hovertemplate="%{y:.1%}",
    )
