"""The state of a live reading at one moment, and the points of its timeline. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmer_core.inference.prediction import Prediction
from mmer_core.labels import Modality


@dataclass(frozen=True)
class SeenFace:
    """The face that was read last.

    Attributes:
        box: (4,) float32, x0 y0 x1 y1 as shares of the picture's width and height.
        seen: when its picture came, seconds on the reader's clock.
    """

    box: np.ndarray
    seen: float


@dataclass(frozen=True)
class Point:
    """One point of the timeline: seconds on the reader's clock, fused {label: p}, and the modalities
    that took part.
    """

    at: float
    probabilities: dict[str, float]
    used: tuple[Modality, ...]


@dataclass(frozen=True)
class Moment:
    """The state of a live reading.

    Attributes:
        at: seconds on the reader's clock.
        prediction: from everything that is switched on and there; None before anything was read.
        face: where the face is; None if none is in view.
        people: faces in view at the last search of the whole picture.
        words: what was said last; "" for nothing.
        camera, microphone: whether something came from them just now; None if nothing ever did.
        pictures_per_second: that came in during the last two seconds.
        visual_delay, audio_delay: seconds from picture or sound to answer, the latest; that of audio is of a
            sound just too late for the window before. NaN if unknown.
    """

    at: float
    prediction: Prediction | None
    face: SeenFace | None
    people: int
    words: str
    camera: bool | None
    microphone: bool | None
    pictures_per_second: float
    visual_delay: float
    audio_delay: float
