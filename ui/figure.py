"""What all figures share: colours, names, the way numbers read, a quiet frame. Free of Streamlit.

Grounds are transparent and text takes the theme's colour unless `ink` names one, so a figure suits a light and a dark page. Bars carry a grey
outline that stands out from either ground, since the lighter emotion colours do not on white.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from mmer_core.labels import EMOTION_COLOURS, EMOTION_SYMBOLS, MODALITY_COLOURS, MODALITY_TITLES, parse_subset

OUTLINE = "#7C828A"  # contrast above 3:1 with white and with the dark ground
INK_ON_LIGHT = "#5F6573"  # the theme's own grey is too faint on white; this one is still legible should the page have just turned dark
#: For every figure: no tool bar, no zoom that would swallow a finger's scroll.
CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False, "showTips": False}
STILL: dict[str, Any] = {"staticPlot": True}
_OTHER_COLOURS = {"calm": "#8FB8A8", "boredom": "#B08968", "frustration": "#9C3D1E", "excitement": "#C8C234"}  # classes that some corpora add
_OTHER_SYMBOLS = {"calm": "😌", "boredom": "🥱", "frustration": "😣", "excitement": "🤩"}


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


def emotion_name(emotion: str) -> str:
    """ "😊 Joy" """
    symbol = EMOTION_SYMBOLS.get(emotion) or _OTHER_SYMBOLS.get(emotion, "")
    return f"{symbol} {emotion.capitalize()}".strip()


def emotion_colour(emotion: str) -> str:
    """The colour of an emotion everywhere; a class that is none of ours has one too."""
    return EMOTION_COLOURS.get(emotion) or _OTHER_COLOURS.get(emotion, OUTLINE)


def subset_title(subset: str) -> str:
    """A modality subset as a person reads it: "audio+visual" -> "Voice + face"."""
    names = [MODALITY_TITLES[m] for m in parse_subset(subset)]
    return " + ".join([names[0], *(n.lower() for n in names[1:])]) if names else "Nothing"


def subset_colour(subset: str) -> str:
    """The modality's colour for a single one, the outline's grey for several together."""
    modalities = parse_subset(subset)
    return MODALITY_COLOURS[modalities[0]] if len(modalities) == 1 else OUTLINE


def quiet(figure: go.Figure, ink: str | None, height: int, left: int = 0, bargap: float | None = None) -> go.Figure:
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
        figure.update_traces(textfont_color=ink, selector={"type": "bar"}).update_traces(textfont_color=ink, selector={"mode": "text"})
    return figure
