"""Colours and symbols of emotions and modalities, for any set of class names. Free of Streamlit."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable

from mmer_core.labels import Modality

OUTLINE = "#7C828A"  # contrast above 3:1 with white and with the dark ground
# the theme's own grey is too faint on white; this one is still legible should the page have just turned dark
INK_ON_LIGHT = "#5F6573"

# Okabe-Ito and close relatives: told apart with the common colour-vision deficiencies, on light and dark
# grounds. The last five are classes that some corpora add.
EMOTION_COLOURS: dict[str, str] = {
    "neutral": "#8A8F98",
    "anger": "#D55E00",
    "disgust": "#009E73",
    "fear": "#A05EB5",
    "joy": "#E0A800",
    "sadness": "#0072B2",
    "surprise": "#56B4E9",
    "calm": "#8FB8A8",
    "boredom": "#B08968",
    "frustration": "#9C3D1E",
    "excitement": "#B9B32A",
    "contempt": "#5B4B8A",
}
EMOTION_SYMBOLS: dict[str, str] = {
    "neutral": "😐",
    "anger": "😠",
    "disgust": "🤢",
    "fear": "😨",
    "joy": "😊",
    "sadness": "😢",
    "surprise": "😮",
    "calm": "😌",
    "boredom": "🥱",
    "frustration": "😣",
    "excitement": "🤩",
}
MODALITY_COLOURS: dict[Modality, str] = {
    Modality.TEXT: "#3B7DD8",
    Modality.AUDIO: "#E07B39",
    Modality.VISUAL: "#2FA36B",
    Modality.METADATA: "#8E6BBF",
}
#: For classes without a colour of their own, in this order.
OTHER_COLOURS = (
    "#CC79A7",
    "#2A9D9D",
    "#A6761D",
    "#E7298A",
    "#6B8E23",
    "#4361C2",
    "#8E2A4C",
    "#E8A398",
)
_GOLDEN = 0.618034  # of the circle of hues: the next one is always far from all before


def emotion_colours(labels: Iterable[str]) -> dict[str, str]:
    """{label: "#RRGGBB"} for a set of classes, all different.

    A known emotion has the same colour everywhere; the others get one by their place among the unknown
    ones, so a model's classes keep theirs on every page.
    """
    names = list(dict.fromkeys(labels))
    unknown = [name for name in names if name.lower() not in EMOTION_COLOURS]
    other = {name: _other_colour(place) for place, name in enumerate(unknown)}
    return {name: other.get(name) or EMOTION_COLOURS[name.lower()] for name in names}


def emotion_colour(label: str, labels: Iterable[str]) -> str:
    """The colour of one of these classes; see `emotion_colours`."""
    return emotion_colours(labels).get(label, OUTLINE)


def emotion_symbol(label: str) -> str:
    """The emoji of an emotion; "" for a class that has none."""
    return EMOTION_SYMBOLS.get(label.lower(), "")


def emotion_title(label: str) -> str:
    """A class as it begins a line: "Joy", "Very tired"."""
    return label[:1].upper() + label[1:]


def emotion_name(label: str) -> str:
    """A class with its emoji, where it has one: "😊 Joy", "Very tired"."""
    return f"{emotion_symbol(label)} {emotion_title(label)}".strip()


def _other_colour(place: int) -> str:
    """The colour of the n-th class without one of its own; beyond the list, hues spread evenly."""
    if place < len(OTHER_COLOURS):
        return OTHER_COLOURS[place]
    turn = place - len(OTHER_COLOURS)
    rgb = colorsys.hls_to_rgb((0.07 + turn * _GOLDEN) % 1.0, 0.42 + 0.18 * (turn % 2), 0.55)
    return "#" + "".join(f"{round(255 * part):02X}" for part in rgb)
