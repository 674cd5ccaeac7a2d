"""How a speaker usually sounds: the moments of their own features, which take the place of the average
training speaker's the more, the more of them is known.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mmer_core.labels import MODALITY_TITLES, Modality


def described(modality: Modality) -> str:
    """What a baseline of a modality is made from: "the speaker's own voice"."""
    return f"the speaker's own {MODALITY_TITLES[modality].lower()}"


@dataclass(frozen=True, eq=False)
class Baseline:
    """Moments of the features of one modality over clips of one speaker; `a + b` is that of both.

    Attributes:
        rows: n, feature rows that it was made from.
        mean: (D,) float64.
        variance: (D,) float64, of the rows around the mean, over n.
        seconds: of voice (or of clip) that it was made from.
        description: what the seconds are of.
        ordinary: it is of ordinary, neutral speech, not of whatever the speaker said.
    """

    rows: int
    mean: np.ndarray
    variance: np.ndarray
    seconds: float
    description: str = described(Modality.AUDIO)
    ordinary: bool = False

    @classmethod
    def of(
        cls,
        features: Sequence[np.ndarray],
        seconds: float,
        description: str = described(Modality.AUDIO),
        ordinary: bool = False,
    ) -> Baseline:
        """The moments of features, (T, D) of each clip. Rows that are not finite are left out.

        Raises:
            ValueError: no rows are left.
        """
        parts = [rows[np.isfinite(rows).all(axis=1)] for rows in features]
        count = sum(map(len, parts))
        if not count:
            raise ValueError("there are no features to make a baseline from: give a clip in which there are")
        mean = sum(rows.sum(axis=0, dtype=np.float64) for rows in parts) / count
        variance = sum(np.square(rows - mean).sum(axis=0) for rows in parts) / count
        return cls(count, np.asarray(mean), np.asarray(variance), float(seconds), description, ordinary)

    def __add__(self, other: Baseline) -> Baseline:
        """Of the rows of both."""
        count = self.rows + other.rows
        share = other.rows / count
        apart = other.mean - self.mean
        variance = (1 - share) * self.variance + share * other.variance + share * (1 - share) * apart**2
        seconds = self.seconds + other.seconds
        ordinary = self.ordinary and other.ordinary
        return Baseline(count, self.mean + share * apart, variance, seconds, self.description, ordinary)

    def __str__(self) -> str:
        """ "12 s of the speaker's own voice"."""
        return f"{max(1, round(self.seconds))} s of {self.description}"

    def shrunk(self, mean: np.ndarray, sd: np.ndarray, rows: float) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, (D,) float32 each, between the speaker's own and those of the average
        training speaker, by their rows: n of the baseline against `rows`.

        Args:
            mean: (D,) of the average speaker.
            sd: (D,), standard deviation.
            rows: how many rows the average speaker counts as, at least 0.

        Raises:
            ValueError: the baseline has another number of features.
        """
        if self.mean.shape != mean.shape:
            raise ValueError(
                f"the baseline has {len(self.mean)} features, the model reads {len(mean)}: make it with this "
                "model (EmotionModel.baseline)"
            )
        own = self.rows / (self.rows + rows)
        usual = np.square(sd, dtype=np.float64)
        variance = own * self.variance + (1 - own) * usual
        variance = np.where(variance > 0, variance, usual)  # a feature that never moved, and rows = 0
        centre = own * self.mean + (1 - own) * mean
        return centre.astype(np.float32), np.sqrt(variance).astype(np.float32)

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that differ between baselines of different features."""
        parts = (self.mean, self.variance, np.array([self.rows, self.seconds, self.ordinary], np.float64))
        return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]
