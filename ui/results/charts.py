"""Figures of runs: scores with intervals, classes, one clip. Pure functions from numbers to figures, free of
Streamlit.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from mmer_core import metrics
from ui.figure import bar_marker, error_bars, name_axis, quiet, score
from ui.theme import OUTLINE, emotion_colours, emotion_name

SCORE_TITLES: dict[str, str] = {
    "accuracy": "Accuracy",
    "ua": "UA (mean recall)",
    "weighted_f1": "Weighted F1",
    "macro_f1": "Macro F1",
}
BLUE, ORANGE = "#0072B2", "#D55E00"
_STYLES: dict[str, dict[str, str]] = {
    "model": {"symbol": "diamond-open", "color": "#8E6BBF"},
    "people": {"symbol": "circle-open", "color": "#009E73"},
    "baseline": {"symbol": "x-thin-open", "color": OUTLINE},
}
_BAR = 40  # pixels a row


@dataclass(frozen=True)
class ScoreRow:
    """One row of the comparison.

    Attributes:
        name: of the run, or of what it is measured against; unique.
        value: in [0, 1].
        low: end of the 95 % interval, or None.
        high: the other end, or None.
        kind: a run; or what it is measured against: a published model, people, the most frequent class,
            chance.
        detail: for the tip.
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    kind: Literal["run", "model", "people", "baseline"] = "run"
    detail: str = ""


def score_rows(rows: Sequence[ScoreRow], metric: str, ink: str | None = None) -> go.Figure:
    """Scores with 95 % intervals, one row each, the runs above what they are measured against.

    Args:
        rows: in the order they are drawn.
        metric: one of `metrics.SCORES`.
        ink: colour of the text; None leaves it to the theme.
    """
    figure = go.Figure()
    others = [r for r in rows if r.kind != "run"]
    for row in others:
        line = {"width": 1, "dash": "dot", "color": _STYLES[row.kind]["color"]}
        figure.add_vline(x=100 * row.value, line=line, layer="below")
    _add_runs(figure, [r for r in rows if r.kind == "run"])
    for row in others:
        figure.add_scatter(
            x=[100 * row.value],
            y=[row.name],
            mode="markers",
            marker={**_STYLES[row.kind], "size": 13, "line": {"width": 2}},
            hovertemplate=f"<b>%{{y}}</b><br>%{{x:.1f}} %<br>{row.detail}<extra></extra>",
            name=row.kind,
        )
    return _with_names(figure, rows, metric, ink)


def _add_runs(figure: go.Figure, runs: Sequence[ScoreRow]) -> None:
    """The runs as points with their intervals."""
    up = [0 if r.high is None else 100 * (r.high - r.value) for r in runs]
    down = [0 if r.low is None else 100 * (r.value - r.low) for r in runs]
    figure.add_scatter(
        x=[100 * r.value for r in runs],
        y=[r.name for r in runs],
        mode="markers",
        marker={"size": 13, "color": BLUE, "line": {"color": OUTLINE, "width": 1}},
        error_x=error_bars(up, down, BLUE, 2, 6),
        customdata=[[score((r.value, r.low, r.high)), r.detail] for r in runs],
        hovertemplate="<b>%{y}</b><br>%{customdata[0]} %<br>%{customdata[1]}<extra></extra>",
        name="run",
    )


def _with_names(figure: go.Figure, rows: Sequence[ScoreRow], metric: str, ink: str | None) -> go.Figure:
    """The axes of the comparison: names with their scores, from the top, and percent."""
    names = [r.name for r in rows]
    ends = [0.0, 100.0]
    figure.update_xaxes(
        range=ends,
        fixedrange=True,
        ticksuffix=" %",
        zeroline=False,
        title={"text": f"{SCORE_TITLES[metric]}, with 95 % interval"},
    )
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=names[::-1],
        range=[-0.6, len(names) - 0.4],
        fixedrange=True,
        ticks="",
        automargin=True,
    )
    labels = [f"{'<br>'.join(_broken(r.name))}<br><b>{score((r.value, r.low, r.high))}</b>" for r in rows]
    figure.update_yaxes(tickvals=names, ticktext=labels, tickfont={"size": 12})
    figure.update_layout(hovermode="closest")
    lines = sum(max(2, len(_broken(name)) + 1) for name in names)
    return inked(quiet(figure, ink, height=_BAR // 2 * lines + 70), ink)


def _broken(name: str, limit: int = 34) -> list[str]:
    """A name in lines; nothing of it is left out."""
    return textwrap.wrap(name, limit, break_on_hyphens=True) or [name]


def class_scores(confusion: np.ndarray, labels: Sequence[str], ink: str | None = None) -> go.Figure:
    """F1 of each class as a bar in its colour, precision and recall as marks on it."""
    table = metrics.per_class(np.asarray(confusion))
    names = [emotion_name(label) for label in labels]
    f1, precision, recall = (100 * table[k] for k in ("f1", "precision", "recall"))
    hover = (
        "<b>%{y}</b><br>F1 %{x:.1f} %<br>precision %{customdata[0]:.1f} %, recall %{customdata[1]:.1f} %"
        "<br>n = %{customdata[2]:,}<extra></extra>"
    )
    marker = bar_marker(list(emotion_colours(labels).values()), 4)
    numbers = np.stack([precision, recall, table["support"]], axis=1)
    bars = {"orientation": "h", "marker": marker, "customdata": numbers, "hovertemplate": hover}
    figure = go.Figure(go.Bar(x=f1, y=names, name="F1", **bars))
    for name, values, symbol in (("precision", precision, "triangle-right"), ("recall", recall, "circle")):
        mark = {
            "symbol": symbol,
            "size": 10,
            "color": "#FFFFFF",
            "line": {"width": 1.5, "color": "#1C1F26"},
        }  # seen on any bar and any ground
        figure.add_scatter(x=values, y=names, mode="markers", marker=mark, hoverinfo="skip", name=name)
    figure.update_xaxes(range=[0, 102], fixedrange=True, ticksuffix=" %", zeroline=False)
    figure.update_yaxes(autorange="reversed", fixedrange=True, ticks="", automargin=True)
    figure = quiet(figure, ink, height=40 * len(labels) + 76, bargap=0.35)
    return legend(figure, ink)


def probability_bars(probabilities: Mapping[str, float], truth: str, ink: str | None = None) -> go.Figure:
    """The answer of a run to one clip: every class in its colour, the true one marked.

    Args:
        probabilities: {class: p}.
        truth: the true class.
        ink: colour of the text.
    """
    names = [f"{emotion_name(label)}{' (shown)' if label == truth else ''}" for label in probabilities]
    values = [100 * p for p in probabilities.values()]
    figure = go.Figure(
        go.Bar(
            x=values,
            y=names,
            orientation="h",
            text=[f"{v:.1f} %" for v in values],
            textposition="outside",
            cliponaxis=False,
            marker=bar_marker(list(emotion_colours(probabilities).values())),
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )
    figure.update_xaxes(visible=False, range=[0, 122], fixedrange=True)
    name_axis(figure, 12, automargin=True)
    return quiet(figure, ink, height=28 * len(names) + 10, bargap=0.3)


def legend(figure: go.Figure, ink: str | None) -> go.Figure:
    """A legend in one line below the title's place; clicks on it change nothing, so that a figure shows what
    the page describes.
    """
    legend = {
        "orientation": "h",
        "y": 1.0,
        "yanchor": "bottom",
        "x": 0,
        "title": {"text": ""},
        "itemclick": False,
        "itemdoubleclick": False,
    }
    figure.update_layout(showlegend=True, legend=legend, margin_t=36)
    return inked(figure, ink)


def inked(figure: go.Figure, ink: str | None) -> go.Figure:
    """The figure with the text of legend and axis titles in this colour."""
    if ink is not None:
        figure.update_layout(legend_font_color=ink)
        figure.update_xaxes(title_font_color=ink).update_yaxes(title_font_color=ink)
    return figure
