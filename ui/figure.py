"""Numbers as text, titles of modality subsets, and the quiet frame that all figures share. Free of Streamlit.

Grounds are transparent and text takes the theme's colour unless `ink` names one, so a figure suits a light
and a dark page. Bars carry a grey outline that stands out from either ground, since the lighter emotion
colours do not on white.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mmer_core.labels import modalities_title, parse_subset
from ui.theme import MODALITY_COLOURS, OUTLINE

#: For every figure: no tool bar, no zoom that would swallow a finger's scroll.
CONFIG: dict[str, Any] = {
    "displayModeBar": False,
    "scrollZoom": False,
    "doubleClick": False,
    "showTips": False,
}
STILL: dict[str, Any] = {"staticPlot": True}


_OWN_TAGS = re.compile(r"<(?!/?(?:b|i|br|extra)\s*/?>)")


def tamed(figure: go.Figure) -> go.Figure:
    """The figure with names from people as they are: of Plotly's markup only the few tags without attributes
    that figures here use have a meaning, so no name makes a link.
    """
    found, changed = _tamed(figure.to_plotly_json())
    return go.Figure(found) if changed else figure


def _tamed(value: Any) -> tuple[Any, bool]:
    """The value, and whether it is another than it was."""
    if isinstance(value, str):
        found = _OWN_TAGS.sub("&lt;", value)
        return found, found != value
    if isinstance(value, dict):
        parts = {key: _tamed(part) for key, part in value.items()}
        return {key: part for key, (part, _) in parts.items()}, any(c for _, c in parts.values())
    if isinstance(value, (list, tuple)) or (isinstance(value, np.ndarray) and value.dtype.kind in "OU"):
        items = [_tamed(part) for part in value]
        return [part for part, _ in items], any(c for _, c in items)
    return value, False


def percent(probability: float) -> str:
    """A probability as a person reads it: "62%", "<1%"."""
    if 0 < probability < 0.005:
        return "<1%"
    if 0.995 <= probability < 1:
        return ">99%"
    return f"{probability:.0%}"


def number(value: float) -> str:
    """A score in percent without the sign: "76.9"; "–" where unknown."""
    return "–" if np.isnan(value) else f"{100 * value:.1f}"


def signed(value: float) -> str:
    """A difference of scores in percentage points: "+12.1", "−3.0", "0.0"."""
    if np.isnan(value):
        return "–"
    text = f"{100 * value:+.1f}".replace("-", "−")
    return "0.0" if text[1:] == "0.0" else text


def gain(value: float, low: float | None = None, high: float | None = None) -> str:
    """A difference with its interval where there is one: "+12.1 [+8.0, +16.3]"."""
    if low is None or high is None or np.isnan(low) or np.isnan(high):
        return signed(value)
    return f"{signed(value)} [{signed(low)}, {signed(high)}]"


def points(value: float) -> str:
    """A signed share of probability in percentage points: "+12 points", "−3 points"."""
    rounded = round(100 * value)
    sign = "+" if rounded > 0 else "−" if rounded < 0 else "±"
    return f"{sign}{abs(rounded)} {'point' if abs(rounded) == 1 else 'points'}"


def subset_title(subset: str) -> str:
    """A modality subset as a person reads it: "audio+visual" -> "Voice + face"."""
    return modalities_title(parse_subset(subset)) or "Nothing"


def subset_colour(subset: str) -> str:
    """The modality's colour for a single one, the outline's grey for several together."""
    modalities = parse_subset(subset)
    return MODALITY_COLOURS[modalities[0]] if len(modalities) == 1 else OUTLINE


def bar_marker(colours: Any, radius: int = 3, **changes: Any) -> dict[str, Any]:
    """The marker of every bar: its colour, the outline, rounded corners."""
    return {"color": colours, "line": {"color": OUTLINE, "width": 1}, "cornerradius": radius, **changes}


def error_bars(
    up: Sequence[float], down: Sequence[float], colour: str, thickness: float = 1.5, width: int = 5
) -> dict[str, Any]:
    """Intervals of points or bars: how far each reaches to the right and to the left."""
    ends = {"array": list(up), "arrayminus": list(down)}
    return {
        "type": "data",
        "symmetric": False,
        "color": colour,
        "thickness": thickness,
        "width": width,
        **ends,
    }


def name_axis(figure: go.Figure, size: int = 13, standoff: int = 6, **changes: Any) -> go.Figure:
    """Rows from top to bottom, named at the left."""
    return figure.update_yaxes(
        autorange="reversed",
        fixedrange=True,
        ticks="",
        ticklabelstandoff=standoff,
        tickfont={"size": size},
        **changes,
    )


def quiet(
    figure: go.Figure, ink: str | None, height: int, left: int = 0, bargap: float | None = None
) -> go.Figure:
    """No ground, no legend, no margins beyond the labels, nothing to drag."""
    figure.update_layout(
        height=height,
        margin={"l": left, "r": 8, "t": 4, "b": 4},
        showlegend=False,
        dragmode=False,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        bargap=bargap,
        modebar={"remove": ["zoom", "pan", "select", "lasso"]},
    )
    if ink is not None:  # the theme colours these by itself, so the figure's font is not enough
        figure.update_xaxes(tickfont_color=ink).update_yaxes(tickfont_color=ink)
        figure.update_traces(textfont_color=ink, selector={"type": "bar"}).update_traces(
            textfont_color=ink, selector={"mode": "text"}
        )
    return figure


def score(value: Sequence[float | None]) -> str:
    """A score in percent with its interval, where that is known: "76.9 [71.2, 83.0]"."""
    middle, low, high = (None if v is None or np.isnan(v) else 100 * v for v in value)
    if middle is None:
        return "–"
    return f"{middle:.1f}" if low is None or high is None else f"{middle:.1f} [{low:.1f}, {high:.1f}]"
