"""Confusion matrices as figures: right answers blue, confusions orange, stronger where there are more. Free
of Streamlit.

Plotly's heatmaps give no clicks, so an invisible marker lies on each cell; it carries (true class, predicted
class) as indices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from ui.figure import quiet
from ui.theme import emotion_name, emotion_title

Norm = Literal["counts", "true", "predicted"]
#: Titles of the ways to read a matrix.
NORMS: dict[Norm, str] = {"counts": "Counts", "true": "% of true class", "predicted": "% of predicted class"}

RIGHT, WRONG = "0, 114, 178", "213, 94, 0"  # Okabe and Ito's blue and orange: safe with colour blindness
_FAINT, _STRONG = 0.06, 0.95
_WHITE_FROM = 0.55  # share of full colour from which white text reads better than the theme's
_LIFT = 0.6  # confusions are few beside right answers: their colour grows faster
_ROW, _FRAME, _SLANT = (
    44,
    116,
    34,
)  # pixels: a row; above and below; the last slanted name's reach to the right


def normalised(confusion: np.ndarray, norm: Norm) -> np.ndarray:
    """(C, C) float64: the counts, or shares of the true (rows) or predicted (columns) class; NaN where a
    class never occurs.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    if norm == "counts":
        return counts
    axis = 1 if norm == "true" else 0
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(counts / counts.sum(axis=axis, keepdims=True))


def confusion_matrix(
    confusion: np.ndarray,
    labels: Sequence[str],
    norm: Norm = "true",
    marked: tuple[int, int] | None = None,
    ink: str | None = None,
) -> go.Figure:
    """Rows are what was shown, columns what it was read as.

    Args:
        confusion: (C, C) counts.
        labels: class names.
        norm: what the cells say and how strong they are.
        marked: (true, predicted) of the cell that is looked at; framed.
        ink: colour of the text; None leaves it to the theme.
    """
    values = normalised(confusion, norm)
    # Counts are coloured by their share of the row: a rare class would be invisible beside a frequent one.
    strength = np.nan_to_num(normalised(confusion, "true" if norm == "counts" else norm))
    right = np.eye(len(labels), dtype=bool)
    strength = np.where(right, strength, strength**_LIFT)
    figure = _cells(strength, right)
    _texts(figure, [[_cell(v, norm) for v in row] for row in values], strength >= _WHITE_FROM)
    _targets(figure, _hovers(confusion, labels))
    if marked is not None:
        t, p = marked
        corners = {"x0": p - 0.48, "x1": p + 0.48, "y0": t - 0.48, "y1": t + 0.48}
        figure.add_shape(type="rect", line={"width": 3, "color": "#CC79A7"}, **corners)
    return _framed(figure, labels, ink)


def _hovers(confusion: np.ndarray, labels: Sequence[str]) -> list[list[str]]:
    """The tip of each cell: counts, and the shares of both classes."""
    of_true, of_predicted = normalised(confusion, "true"), normalised(confusion, "predicted")
    return [
        [
            f"<b>{emotion_title(shown)}</b> read as <b>{emotion_title(read)}</b><br>"
            f"{int(confusion[t][p]):,} clips<br>"
            f"{_percent(of_true[t, p])} of {shown}, {_percent(of_predicted[t, p])} of read as {read}"
            for p, read in enumerate(labels)
        ]
        for t, shown in enumerate(labels)
    ]


def confusion_difference(
    first: np.ndarray, second: np.ndarray, labels: Sequence[str], ink: str | None = None
) -> go.Figure:
    """Second minus first, both as shares of the true class, in percentage points; blue where that is better,
    orange where it is worse.

    On the diagonal more is better, elsewhere less is.
    """
    change = 100 * np.nan_to_num(normalised(second, "true") - normalised(first, "true"))
    better = np.where(np.eye(len(labels), dtype=bool), change >= 0, change <= 0)
    strength = np.abs(change) / max(10.0, float(np.abs(change).max(initial=0.0)))
    texts = [["·" if abs(v) < 0.05 else f"{v:+.1f}".replace("-", "−") for v in row] for row in change]
    figure = _cells(strength, better)
    hovers = [
        [
            f"<b>{emotion_title(labels[t])}</b> read as <b>{emotion_title(labels[p])}</b><br>"
            f"{texts[t][p] if texts[t][p] != '·' else '±0'} points<br>"
            f"{int(first[t][p]):,} and {int(second[t][p]):,} clips"
            for p in range(len(labels))
        ]
        for t in range(len(labels))
    ]
    _texts(figure, texts, strength >= _WHITE_FROM)
    _targets(figure, hovers)
    return _framed(figure, labels, ink)


def _cells(strength: np.ndarray, good: np.ndarray) -> go.Figure:
    """Two layers of one matrix, each with its own colour: blue where `good` is true, else orange."""
    figure = go.Figure()
    for mask, colour in ((good, RIGHT), (~good, WRONG)):
        figure.add_heatmap(
            z=np.where(mask, strength, np.nan),
            zmin=0,
            zmax=1,
            colorscale=[[0, f"rgba({colour}, {_FAINT})"], [1, f"rgba({colour}, {_STRONG})"]],
            showscale=False,
            hoverinfo="skip",
            hoverongaps=False,
            xgap=2,
            ygap=2,
        )
    return figure


def _texts(figure: go.Figure, texts: list[list[str]], white: np.ndarray) -> None:
    """The cells' figures: white on strong colour, else in the theme's colour."""
    for mask, font in ((~white, {"size": 12}), (white, {"size": 12, "color": "#FFFFFF"})):
        rows, columns = np.nonzero(mask)
        shown = [texts[t][p] for t, p in zip(rows, columns, strict=True)]
        figure.add_scatter(
            x=columns,
            y=rows,
            mode="text",
            text=shown,
            textfont=font,
            hoverinfo="skip",
            name="white" if "color" in font else "plain",
        )


def _targets(figure: go.Figure, hovers: list[list[str]]) -> None:
    """The invisible squares that are pointed at and clicked."""
    rows, columns = (a.ravel() for a in np.indices((len(hovers), len(hovers))))
    figure.add_scatter(
        x=columns,
        y=rows,
        mode="markers",
        marker={"symbol": "square", "size": 34, "color": "rgba(0,0,0,0)", "line": {"width": 0}},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        customdata=np.stack([rows, columns], axis=1).tolist(),
        hovertext=[h for row in hovers for h in row],
        hovertemplate="%{hovertext}<extra></extra>",
        name="cells",
    )


def _framed(figure: go.Figure, labels: Sequence[str], ink: str | None) -> go.Figure:
    ticks = list(range(len(labels)))
    names = [emotion_name(label) for label in labels]
    axis = {"tickvals": ticks, "showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True}
    ends = [-0.5, len(labels) - 0.5]
    figure.update_xaxes(
        **axis,
        ticktext=[emotion_title(label) for label in labels],
        range=ends,
        side="top",
        tickangle=-40,
        title={"text": "Read as", "standoff": 4},
    )
    figure.update_yaxes(**axis, ticktext=names, range=ends[::-1], title={"text": "Shown", "standoff": 4})
    figure.update_layout(hovermode="closest", hoverdistance=60, clickmode="event+select")
    figure = quiet(figure, None, height=_FRAME + _ROW * len(labels))
    figure.update_xaxes(automargin=True, ticklabeloverflow="allow").update_yaxes(automargin=True)
    figure.update_layout(margin_r=_SLANT)
    if ink is not None:
        figure.update_xaxes(tickfont_color=ink, title_font_color=ink).update_yaxes(
            tickfont_color=ink, title_font_color=ink
        )
        figure.update_traces(textfont_color=ink, selector={"name": "plain"})
    return figure


def _cell(value: float, norm: Norm) -> str:
    if np.isnan(value):
        return ""
    if value == 0:
        return "·"
    return f"{value:,.0f}" if norm == "counts" else f"{100 * value:.1f}"


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.1f} %"
