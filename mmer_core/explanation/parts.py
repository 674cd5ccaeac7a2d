"""An explanation as data: the parts of each modality with what they add to the score of an emotion.

Points are differences of probability: .21 is 21 percentage points. The parts of a modality sum to its share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmer_core.explanation.deletion import Check
from mmer_core.labels import Modality


@dataclass(frozen=True)
class Word:
    """A word, or in a long text a run of neighbouring words.

    Attributes:
        start: of its characters in the text.
        end: behind its last character.
        points: what it adds; the words sum to the share of the text.
        effect: what leaving it alone out takes away, as it was measured; with `points` it need not sum to
            anything.
    """

    start: int
    end: int
    points: float
    effect: float


@dataclass(frozen=True)
class Words:
    """The words and what each adds.

    Attributes:
        text: that was read.
        words: in order, without overlap; what lies between them is space.
        share: what the words add together, `Prediction.contributions` for the prediction's own label.
        check: whether their order of importance says more than a random one.
    """

    text: str
    words: tuple[Word, ...]
    share: float
    check: Check

    def said(self, word: Word) -> str:
        """The characters of one of the words."""
        return self.text[word.start : word.end]


@dataclass(frozen=True)
class Moment:
    """A stretch of time, in seconds, with what it adds and what leaving it alone out takes away; as in
    `Word`.
    """

    start: float
    end: float
    points: float
    effect: float


@dataclass(frozen=True, eq=False)
class Sound:
    """The moments of a sound and what each adds.

    Attributes:
        moments: in order, side by side.
        share: what the voice adds, the sum of the moments.
        check: as in `Words`.
        times: (T,) float32, seconds, of the curves.
        pitch: (T,) float32, Hz; NaN where no voice has one.
        level: (T,) float32, dB below the loudest, at least -60.
    """

    moments: tuple[Moment, ...]
    share: float
    check: Check
    times: np.ndarray
    pitch: np.ndarray
    level: np.ndarray


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of the face, and what each region of it adds.

    Attributes:
        index: of its row in `Clip.faces`, or in `Clip.frames` for encoders of whole frames.
        time: seconds.
        points: of the stretch of time that it stands for.
        cells: (G, G) float64, what each cell of a grid over the picture adds; they sum to `points`.
        effects: (G, G) float64, what blurring the cell takes away where the clip has this picture alone, mean
            of the overlapping patches that cover it, as it was measured.
    """

    index: int
    time: float
    points: float
    cells: np.ndarray
    effects: np.ndarray


@dataclass(frozen=True, eq=False)
class Face:
    """The stretches of time in which there is a face, and the regions of the most telling pictures.

    Attributes:
        moments: in order; they sum to the share.
        frames: up to three, in order of time; none where the pictures are not at hand.
        share: what the face adds.
        check: of the regions of the most telling picture; without pictures, of the moments.
    """

    moments: tuple[Moment, ...]
    frames: tuple[Frame, ...]
    share: float
    check: Check


@dataclass(frozen=True, eq=False)
class Explanation:
    """What led to the score of one emotion.

    Attributes:
        label: the emotion.
        score: its probability.
        contributions: {modality: its Shapley value on the score} of those present and switched on.
        words: of the text; None where they are not explained.
        sound: of the voice.
        face: of the face.
        reasons: {modality: one sentence} for the modalities of the model that are not explained.
    """

    label: str
    score: float
    contributions: Mapping[Modality, float]
    words: Words | None
    sound: Sound | None
    face: Face | None
    reasons: Mapping[Modality, str]

    @property
    def parts(self) -> dict[Modality, Words | Sound | Face]:
        """{modality: its explanation} of what is explained."""
        found = {Modality.TEXT: self.words, Modality.AUDIO: self.sound, Modality.VISUAL: self.face}
        return {m: part for m, part in found.items() if part is not None}

    @property
    def telling(self) -> dict[Modality, Words | Sound | Face]:
        """`parts` without those that are no better than random for this answer."""
        return {m: part for m, part in self.parts.items() if part.check.telling}

    def to_json(self) -> dict[str, Any]:
        """As `mmer explain --json` prints it; probabilities and points in [-1, 1]."""
        words, sound, face = self.words, self.sound, self.face
        return {
            "label": self.label,
            "score": round(self.score, 6),
            "contributions": {m.value: round(v, 6) for m, v in self.contributions.items()},
            "words": words
            and _part(words) | {"words": [{"text": words.said(w), **_numbers(w)} for w in words.words]},
            "sound": sound and _part(sound) | {"moments": _all(sound.moments)},
            "face": face
            and _part(face)
            | {
                "moments": _all(face.moments),
                "frames": [
                    {
                        "index": f.index,
                        "time": round(f.time, 3),
                        "points": round(f.points, 6),
                        "cells": np.round(f.cells, 6).tolist(),
                    }
                    for f in face.frames
                ],
            },
            "reasons": {m.value: reason for m, reason in self.reasons.items()},
        }


def _part(part: Words | Sound | Face) -> dict[str, Any]:
    check = part.check
    return {
        "share": round(part.share, 6),
        "telling": check.telling,
        "reason": check.reason,
        "area": round(check.area, 6),
        "random_areas": [round(a, 6) for a in check.random],
    }


def _numbers(part: Word | Moment) -> dict[str, float]:
    return {name: round(value, 6) for name, value in vars(part).items()}


def _all(moments: Sequence[Moment]) -> list[dict[str, float]]:
    return [_numbers(moment) for moment in moments]
