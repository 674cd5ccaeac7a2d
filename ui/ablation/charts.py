"""Figures of a run with modalities taken away. Scores are in [0, 1], shown in percent. Free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from mmer_core.ablation import Case, Robustness
from mmer_core.labels import MODALITY_COLOURS, MODALITY_TITLES, Modality
from ui.ablation.share_charts import name_rows
from ui.figure import OUTLINE, number, quiet, subset_colour, subset_title
from ui.results.charts import score


def subset_bars(scores: Mapping[str, Sequence[float | None]], chosen: str, lines: Mapping[str, float], ink: str | None = None) -> go.Figure:
    """One score of every modality subset with its interval, the chosen one at full strength.

    Args:
        scores: {subset: [value, low, high]}, ends None where unknown.
        chosen: the subset that is switched on.
        lines: {name: score} of upright reference lines, such as chance and majority.
        ink: colour of the text; None leaves it to the theme.
    """
    names = [subset_title(s) for s in scores]
    values = [float(s[0] or 0.0) for s in scores.values()]
    ends = [[value if end is None else float(end) for end in s[1:3]] for value, s in zip(values, scores.values(), strict=True)]
    texts = [score(s) for s in scores.values()]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=names,
            orientation="h",
            marker={
                "color": [subset_colour(s) for s in scores],
                "opacity": [1.0 if s == chosen else 0.5 for s in scores],
                "line": {"color": OUTLINE, "width": [2.5 if s == chosen else 1 for s in scores]},
                "cornerradius": 3,
            },
            error_x={
                "type": "data", "symmetric": False, "array": [high - v for v, (_, high) in zip(values, ends, strict=True)],
                "arrayminus": [v - low for v, (low, _) in zip(values, ends, strict=True)], "color": ink or OUTLINE, "thickness": 1.5, "width": 5,
            },
            customdata=texts,
            hovertemplate="%{y}: %{customdata}<extra></extra>",
        )
    )  # fmt: skip
    _reference_lines(figure, lines, ink)
    labels = [f"{'<b>' if s == chosen else ''}{n}{'</b>' if s == chosen else ''}<br>{t}" for s, n, t in zip(scores, names, texts, strict=True)]
    name_rows(figure, labels, names)
    figure.update_xaxes(range=[0, 1.0], tickformat=".0%", fixedrange=True, showgrid=False, zeroline=False, tickfont={"size": 12})
    figure = quiet(figure, ink, height=46 * len(names) + 64, bargap=0.35)
    return figure.update_layout(margin={"t": 26, "r": 22})


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
            x=value, y=1, yref="paper", yanchor="bottom", xanchor="left" if value < 0.5 else "right", text=", ".join(names), showarrow=False,
            font={"size": 12, **({} if ink is None else {"color": ink})},
        )  # fmt: skip


def disagreement_bars(cases: Sequence[Case], first: Modality, second: Modality, ink: str | None = None) -> go.Figure:
    """The five ways in which two modalities relate: how many clips, and (solid) how often the answer of all modalities is right in them."""
    names = case_names(first, second)
    rows = [names[c.kind] for c in cases]
    colours = dict(zip(names, (OUTLINE, MODALITY_COLOURS[first], MODALITY_COLOURS[second], OUTLINE, OUTLINE), strict=True))
    right = [0.0 if c.n == 0 else c.share * c.fused_right for c in cases]
    texts = [f"{number(c.share)}% of clips (n {c.n:,}), fused right in {number(c.fused_right)}%" if c.n else "no clip" for c in cases]
    marker = {"color": [colours[c.kind] for c in cases], "line": {"color": OUTLINE, "width": 1}}
    hover = "%{y}: %{customdata}<extra></extra>"
    figure = go.Figure(go.Bar(x=right, y=rows, orientation="h", marker=marker, customdata=texts, hovertemplate=hover))
    rest = [c.share - r for c, r in zip(cases, right, strict=True)]
    figure.add_bar(x=rest, y=rows, orientation="h", marker={**marker, "opacity": 0.25}, customdata=texts, hovertemplate=hover)
    labels = [f"<b>{n}</b><br>{number(c.share)}%, fused right {number(c.fused_right)}%" for n, c in zip(rows, cases, strict=True)]
    name_rows(figure, labels, rows)
    figure.update_xaxes(tickformat=".0%", fixedrange=True, showgrid=False, zeroline=False, rangemode="tozero")
    figure.update_layout(barmode="stack")
    return quiet(figure, ink, height=46 * len(rows) + 36, bargap=0.35)


def case_names(first: Modality, second: Modality) -> dict[str, str]:
    """{kind of `ablation.Case`: what a person calls it}."""
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
        _line(figure, result.missing, curve, name=f"{MODALITY_TITLES[modality]} missing", colour=MODALITY_COLOURS[modality], dash="solid")
    for curve, name, dash in (
        (result.random, "One at random missing", "dash"),
        (result.worst, "The worst one missing", "dot"),
        (result.independent, "Each missing independently", "longdashdot"),
    ):
        _line(figure, result.missing, curve, name=name, colour=OUTLINE, dash=dash)
    figure.add_hline(y=floor, line={"color": ink or OUTLINE, "width": 1.5, "dash": "dot"})
    font = {"size": 12, **({} if ink is None else {"color": ink})}
    figure.add_annotation(
        x=0, xref="paper", y=floor, yanchor="top", xanchor="left", showarrow=False, text=f"Majority class {number(floor)}", font=font
    )
    axis = {"tickformat": ".0%", "fixedrange": True, "zeroline": False}
    figure.update_xaxes(title={"text": "Share of clips concerned", "font": font}, showgrid=False, range=[0, 1], **axis)
    best = max(float(curve.max()) for curve in (result.random, result.independent, *result.without.values()))
    figure.update_yaxes(range=[0, min(1.0, best + 0.05)], gridcolor="rgba(128,128,128,0.2)", **axis)
    figure = quiet(figure, ink, height=420)
    legend = {"orientation": "h", "y": -0.18, "yanchor": "top", "x": 0, "font": font, "itemclick": False, "itemdoubleclick": False}
    return figure.update_layout(showlegend=True, legend=legend, hovermode="x unified", margin={"b": 8, "r": 22})


def _line(figure: go.Figure, x: np.ndarray, y: np.ndarray, *, name: str, colour: str, dash: str) -> None:
    figure.add_scatter(
        x=x, y=y, mode="lines", name=name, line={"color": colour, "width": 3 if dash == "solid" else 2, "dash": dash}, hovertemplate="%{y:.1%}"
    )
