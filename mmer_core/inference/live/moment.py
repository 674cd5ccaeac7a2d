"""The state of a live reading at one moment, and the points of its timeline. Plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmer_core.inference.prediction import Prediction
from mmer_core.labels import Modality, most_probable


@dataclass(frozen=True)
class SeenFace:
    """A face in the picture that was read last.

    Attributes:
        box: (4,) float32, x0 y0 x1 y1 as shares of the picture's width and height.
        seen: when its picture came, seconds on the reader's clock.
        person: number of the person, from 1.
        main: whether the fused answer is of this person.
        probabilities: {label: p} of the face alone; None if it was not read.
    """

    box: np.ndarray
    seen: float
    person: int = 1
    main: bool = True
    probabilities: Mapping[str, float] | None = None

    @property
    def label(self) -> str | None:
        """The most probable class of the face alone; None if it was not read."""
        return most_probable(self.probabilities)


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
        prediction: of the main person, from everything that is switched on and there; None before anything
            was read.
        faces: of everybody in view, by number.
        known: numbers of everybody in view or out of sight for a moment.
        main: number of the main person, one of them; None if there is none.
        words: what was said last; "" for nothing.
        camera, microphone: whether something came from them just now; None if nothing ever did.
        pictures_per_second: that came in during the last two seconds.
        visual_delay, audio_delay: seconds from picture or sound to answer, the latest; that of audio is of a
            sound just too late for the window before. NaN if unknown.
    """

    at: float
    prediction: Prediction | None
    faces: tuple[SeenFace, ...]
    known: tuple[int, ...]
    main: int | None
    words: str
    camera: bool | None
    microphone: bool | None
    pictures_per_second: float
    visual_delay: float
    audio_delay: float

    @property
    def face(self) -> SeenFace | None:
        """That of the main person; None if it is not in view."""
        return next((face for face in self.faces if face.main), None)
