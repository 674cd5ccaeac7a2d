"""Figures of runs: scores with intervals, classes, one clip, reliability. Pure functions from numbers to figures, free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mmer_core import metrics
from ui.figure import OUTLINE, emotion_colour, emotion_name, quiet

SCORE_TITLES: dict[str, str] = {
    "accuracy": "Accuracy", "ua": "UA (mean recall)", "weighted_f1": "Weighted F1", "macro_f1": "Macro F1",
}  # fmt: skip
BLUE, ORANGE = "#0072B2", "#D55E00"
_BAR = 40  # pixels a row


def score(value: Sequence[float | None]) -> str:
    """A score with its interval, in percent: "76.9 [71.2, 83.0]"; without the interval where it is unknown."""
    middle, low, high = (None if v is None or np.isnan(v) else 100 * v for v in value)
    if middle is None:
        return "–"
    return f"{middle:.1f}" if low is None or high is None else f"{middle:.1f} [{low:.1f}, {high:.1f}]"


@dataclass(frozen=True)
class ScoreRow:
    """One row of the comparison.

    Attributes:
        name: of the run, or of what it is measured against; unique.
        value: in [0, 1].
        low: end of the 95 % interval, or None.
        high: the other end, or None.
        kind: a run; or what it is measured against: a published model, people, the most frequent class, chance.
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
    runs = [r for r in rows if r.kind == "run"]
    others = [r for r in rows if r.kind != "run"]
    styles = {
        "model": {"symbol": "diamond-open", "color": "#8E6BBF"}, "people": {"symbol": "circle-open", "color": "#009E73"},
        "baseline": {"symbol": "x-thin-open", "color": OUTLINE},
    }  # fmt: skip
    for row in others:
        figure.add_vline(x=100 * row.value, line={"width": 1, "dash": "dot", "color": styles[row.kind]["color"]}, layer="below")
    figure.add_scatter(
        x=[100 * r.value for r in runs],
        y=[r.name for r in runs],
        mode="markers",
        marker={"size": 13, "color": BLUE, "line": {"color": OUTLINE, "width": 1}},
        error_x={
            "type": "data", "symmetric": False, "thickness": 2, "width": 6, "color": BLUE,
            "array": [0 if r.high is None else 100 * (r.high - r.value) for r in runs],
            "arrayminus": [0 if r.low is None else 100 * (r.value - r.low) for r in runs],
        },
        customdata=[[score((r.value, r.low, r.high)), r.detail] for r in runs],
        hovertemplate="<b>%{y}</b><br>%{customdata[0]} %<br>%{customdata[1]}<extra></extra>",
        name="run",
    )  # fmt: skip
    for row in others:
        figure.add_scatter(
            x=[100 * row.value],
            y=[row.name],
            mode="markers",
            marker={**styles[row.kind], "size": 13, "line": {"width": 2}},
            hovertemplate=f"<b>%{{y}}</b><br>%{{x:.1f}} %<br>{row.detail}<extra></extra>",
            name=row.kind,
        )
    return _with_names(figure, rows, metric, ink)


def _with_names(figure: go.Figure, rows: Sequence[ScoreRow], metric: str, ink: str | None) -> go.Figure:
    """The axes of the comparison: names with their scores, from the top, and percent."""
    names = [r.name for r in rows]
    ends = [0.0, 100.0]
    figure.update_xaxes(range=ends, fixedrange=True, ticksuffix=" %", zeroline=False, title={"text": f"{SCORE_TITLES[metric]}, with 95 % interval"})
    figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], range=[-0.6, len(names) - 0.4], fixedrange=True, ticks="", automargin=True)
    labels = [f"{_short(r.name)}<br><b>{score((r.value, r.low, r.high))}</b>" for r in rows]
    figure.update_yaxes(tickvals=names, ticktext=labels, tickfont={"size": 12})
    figure.update_layout(hovermode="closest")
    return inked(quiet(figure, ink, height=_BAR * len(names) + 70), ink)


def _short(name: str, limit: int = 34) -> str:
    """Names of folders have no spaces to break at: the middle of a long one is left out."""
    return name if len(name) <= limit else f"{name[: limit // 2 - 1]}…{name[-limit // 2 :]}"


def class_scores(confusion: np.ndarray, labels: Sequence[str], ink: str | None = None) -> go.Figure:
    """F1 of each class as a bar in its colour, precision and recall as marks on it."""
    table = metrics.per_class(np.asarray(confusion))
    names = [emotion_name(label) for label in labels]
    f1, precision, recall = (100 * table[k] for k in ("f1", "precision", "recall"))
    figure = go.Figure(
        go.Bar(
            x=f1, y=names, orientation="h", name="F1",
            marker={"color": [emotion_colour(label) for label in labels], "line": {"color": OUTLINE, "width": 1}, "cornerradius": 4},
            customdata=np.stack([precision, recall, table["support"]], axis=1),
            hovertemplate="<b>%{y}</b><br>F1 %{x:.1f} %<br>precision %{customdata[0]:.1f} %, recall %{customdata[1]:.1f} %"
            "<br>n = %{customdata[2]:,}<extra></extra>",
        )
    )  # fmt: skip
    for name, values, symbol in (("precision", precision, "triangle-right"), ("recall", recall, "circle")):
        mark = {"symbol": symbol, "size": 10, "color": "#FFFFFF", "line": {"width": 1.5, "color": "#1C1F26"}}  # seen on any bar and any ground
        figure.add_scatter(x=values, y=names, mode="markers", marker=mark, hoverinfo="skip", name=name)
    figure.update_xaxes(range=[0, 102], fixedrange=True, ticksuffix=" %", zeroline=False)
    figure.update_yaxes(autorange="reversed", fixedrange=True, ticks="", automargin=True)
    figure = quiet(figure, ink, height=40 * len(labels) + 76, bargap=0.35)
    return legend(figure, ink)


def probability_bars(probabilities: Mapping[str, float], truth: str, ink: str | None = None) -> go.Figure:
    """What a run said about one clip: every class in its colour, the true one named so.

    Args:
        probabilities: {class: p}.
        truth: the true class.
        ink: colour of the text.
    """
    names = [f"{emotion_name(label)}{' (shown)' if label == truth else ''}" for label in probabilities]
    values = [100 * p for p in probabilities.values()]
    figure = go.Figure(
        go.Bar(
            x=values, y=names, orientation="h", text=[f"{v:.1f} %" for v in values], textposition="outside", cliponaxis=False,
            marker={"color": [emotion_colour(label) for label in probabilities], "line": {"color": OUTLINE, "width": 1}, "cornerradius": 3},
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )  # fmt: skip
    figure.update_xaxes(visible=False, range=[0, 122], fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True, ticks="", ticklabelstandoff=6, automargin=True)
    return quiet(figure, ink, height=28 * len(names) + 10, bargap=0.3)


def reliability_diagram(before: Mapping[str, np.ndarray], after: Mapping[str, np.ndarray], ink: str | None = None) -> go.Figure:
    """Accuracy against confidence, before and after temperature scaling; below, how many clips have that confidence.

    Args:
        before: count, confidence and accuracy of each bin, as `metrics.reliability` gives them.
        after: the same after scaling.
        ink: colour of the text.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.75, 0.25], vertical_spacing=0.05)
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"dash": "dash", "color": OUTLINE, "width": 1}, hoverinfo="skip", name="perfect", row=1, col=1
    )
    for name, table, colour, symbol in (("before", before, ORANGE, "square"), ("after", after, BLUE, "circle")):
        filled = table["count"] > 0
        x, y, count = 100 * table["confidence"][filled], 100 * table["accuracy"][filled], table["count"][filled]
        figure.add_scatter(
            x=x, y=y, mode="lines+markers", name=f"{name} scaling", line={"color": colour, "width": 2}, marker={"size": 9, "symbol": symbol},
            customdata=count, hovertemplate=f"{name}: said %{{x:.1f}} %, right %{{y:.1f}} %<br>n = %{{customdata:,}}<extra></extra>", row=1, col=1,
        )  # fmt: skip
        centres = 100 * (np.arange(len(table["count"])) + 0.5) / len(table["count"])
        figure.add_bar(
            x=centres, y=table["count"], marker={"color": colour}, showlegend=False, hovertemplate="n = %{y:,}<extra></extra>", row=2, col=1
        )
    figure.update_xaxes(range=[0, 100], fixedrange=True, zeroline=False)
    figure.update_xaxes(title={"text": "Confidence: probability of the answer"}, ticksuffix=" %", row=2, col=1)
    figure.update_yaxes(fixedrange=True, zeroline=False, automargin=True)
    figure.update_yaxes(range=[0, 102], title={"text": "Right"}, ticksuffix=" %", row=1, col=1)
    figure.update_yaxes(title={"text": "Clips"}, nticks=3, row=2, col=1)
    figure.update_layout(barmode="group", hovermode="closest")
    return legend(quiet(figure, ink, height=480, bargap=0.15), ink)


def legend(figure: go.Figure, ink: str | None) -> go.Figure:
    """A legend in one line below the title's place; clicks on it change nothing, so that a figure says what the page says."""
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "title": {"text": ""}, "itemclick": False, "itemdoubleclick": False}
    figure.update_layout(showlegend=True, legend=legend, margin_t=36)
    return inked(figure, ink)


def inked(figure: go.Figure, ink: str | None) -> go.Figure:
    if ink is not None:
        figure.update_layout(legend_font_color=ink)
        figure.update_xaxes(title_font_color=ink).update_yaxes(title_font_color=ink)
    return figure
