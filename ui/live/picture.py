"""The face box and the emotion, drawn on a running picture."""

from __future__ import annotations

import cv2
import numpy as np

from mmer_core.inference.live.moment import SeenFace
from mmer_core.inference.prediction import Prediction
from ui.theme import emotion_colour, emotion_title

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw(picture: np.ndarray, face: SeenFace | None, prediction: Prediction | None) -> np.ndarray:
    """A mirrored copy of the picture (H, W, 3) uint8 RGB, as a person expects to see themselves, with the
    face's box and the emotion.

    An unsure one has a question mark and no colour of its own; there is none where nothing is used. How
    probable it is only the headline says: the picture comes a little later, and two figures would differ.
    """
    drawn = cv2.flip(picture, 1)
    if face is None:
        return drawn
    height, width = drawn.shape[:2]
    x0, y0, x1, y1 = (face.box * np.array([width, height, width, height])).round().astype(int).tolist()
    x0, x1 = width - x1, width - x0
    line = max(2, width // 240)
    answer = prediction if prediction and prediction.used else None
    colour = (
        _rgb(emotion_colour(answer.label, answer.probabilities))
        if answer and not answer.unsure
        else (200, 200, 200)
    )
    cv2.rectangle(drawn, (x0, y0), (x1, y1), colour, line, cv2.LINE_AA)
    if answer:
        _write(drawn, f"{emotion_title(answer.label)}{'?' if answer.unsure else ''}", (x0, y0), colour, line)
    return drawn


def _write(
    drawn: np.ndarray, text: str, corner: tuple[int, int], colour: tuple[int, int, int], line: int
) -> None:
    """The text on the colour, above the corner of the box, or inside where there is no room above."""
    scale = drawn.shape[1] / 800
    (wide, high), below = cv2.getTextSize(text, _FONT, scale, line // 2 + 1)
    x = min(max(corner[0] - line // 2, 0), max(0, drawn.shape[1] - wide - 8))
    y = corner[1] if corner[1] > high + below + 8 else corner[1] + high + below + 8
    cv2.rectangle(drawn, (x, y - high - below - 8), (x + wide + 8, y), colour, cv2.FILLED)
    dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 140
    cv2.putText(
        drawn,
        text,
        (x + 4, y - below - 2),
        _FONT,
        scale,
        (255, 255, 255) if dark else (0, 0, 0),
        line // 2 + 1,
        cv2.LINE_AA,
    )


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
