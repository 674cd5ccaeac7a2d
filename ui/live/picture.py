"""Boxes around the faces, each with its emotion, drawn on a running picture."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mmer_core.inference.live.moment import SeenFace
from mmer_core.inference.prediction import Prediction
from mmer_core.media.colours import person_colour
from ui.figure import percent
from ui.theme import emotion_title

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_GREY = (200, 200, 200)
_CROWD = 3  # faces from which on the text is smaller


def draw(
    picture: np.ndarray, faces: Sequence[SeenFace], shown: Prediction | None, unsure_below: float
) -> np.ndarray:
    """A mirrored copy of the picture (H, W, 3) uint8 RGB, as a person expects to see themselves, with a box
    in each person's colour and their emotion; grey where a face is not read.

    Args:
        faces: in the picture.
        shown: the answer in the headline, which the main person's box repeats.
        unsure_below: probability below which what a face alone says is marked by a question mark.
    """
    drawn = cv2.flip(picture, 1)
    height, width = drawn.shape[:2]
    for face in sorted(faces, key=lambda f: f.main):  # the main person's on top
        x0, y0, x1, y1 = (face.box * np.array([width, height, width, height])).round().astype(int).tolist()
        x0, x1 = width - x1, width - x0
        line = max(2, width // 240)
        colour = _rgb(person_colour(face.person)) if face.main or face.probabilities else _GREY
        thick = 2 * line if face.main and len(faces) > 1 else line
        cv2.rectangle(drawn, (x0, y0), (x1, y1), colour, thick, cv2.LINE_AA)
        if text := caption(face, shown, unsure_below, alone=len(faces) == 1):
            scale = width / (800 if len(faces) < _CROWD else 1100)
            _write(drawn, text, (x0, y0), colour, scale)
    return drawn


def caption(face: SeenFace, shown: Prediction | None, unsure_below: float, *, alone: bool) -> str:
    """What stands at a face: "2 Joy 62%", without the number where nobody else is in view; "" where there is
    nothing to say.
    """
    number = "" if alone else f"{face.person} "
    if face.main:
        if shown is None or not shown.used:
            return number.strip()
        return f"{number}{_emotion(shown.label, shown.probability, shown.unsure)}"
    if face.probabilities is None or face.label is None:
        return f"{number}not read"
    probability = face.probabilities[face.label]
    return f"{number}{_emotion(face.label, probability, probability < unsure_below)}"


def _emotion(label: str, probability: float, unsure: bool) -> str:
    return f"{emotion_title(label)}{'?' if unsure else ''} {percent(probability)}"


def _write(
    drawn: np.ndarray, text: str, corner: tuple[int, int], colour: tuple[int, int, int], scale: float
) -> None:
    """The text on the colour, above the corner of the box, or inside where there is no room above."""
    thick = max(1, drawn.shape[1] // 320)
    (wide, high), below = cv2.getTextSize(text, _FONT, scale, thick)
    x = min(max(corner[0] - thick, 0), max(0, drawn.shape[1] - wide - 8))
    y = corner[1] if corner[1] > high + below + 8 else corner[1] + high + below + 8
    cv2.rectangle(drawn, (x, y - high - below - 8), (x + wide + 8, y), colour, cv2.FILLED)
    dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 140
    ink = (255, 255, 255) if dark else (0, 0, 0)
    place = (x + 4, y - below - 2)
    cv2.putText(drawn, text, place, _FONT, scale, ink, thick, cv2.LINE_AA)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
