"""Which of the faces in view speaks: how much each mouth moves, and whether it moves with the voice.

The mouth of a speaker moves more than that of a listener, more than the rest of the face, and most where the
voice is loud. Four pictures a second are enough for that: they do not show single sounds, but the movement
between two of them follows the loudness between them. Weights, and how little they rest on:
docs/evidence/active-speaker.md; `python -m recipes.active_speaker --data DIR`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.voice_activity import block_power

TIED = 0.85  # probability from which one of several faces is taken as the speaker's
ALONE_TIED = 0.6  # the same of the only face in view
NOBODY_SEEN = 0.2  # probability that whoever speaks is not in view, where several faces are
ALONE = 0.15  # the same where a single face is in view
LEAST = 5  # movements below which nothing is said
_MOST = 24  # movements that count in full: neighbours are alike, so more of them say little more
_SMALLEST = 32  # pixels of a face; the mouths of smaller ones move by noise alone
_SIDE = 56  # pixels of the face in which movement is measured
_MOUTH = (37, 53, 15, 41)  # first and last row, first and last column of the picture
_REST = (12, 33, 9, 47)  # eyes and brows
_REACH = 2  # pixels by which head movement is followed
_APART = 0.6  # seconds between two pictures from which on they are not compared
_STILL = 0.02  # movement that is noise
_BLOCK = 0.025  # seconds over which a level is taken
#: Log odds that somebody speaks: of the log of the mouth's movement, of its distance from the rest of the
#: face's, and a constant.
WEIGHTS = (2.0, 1.0, 3.3)
WITH_VOICE = 0.5  # correlation (Fisher's z) of a speaker's movement with the voice


@dataclass(frozen=True)
class Movement:
    """How a face moves.

    Attributes:
        times: (F,) float64, seconds.
        mouth: (F,) float64, from 0 (like the picture before) to 2, head movement and light taken out; NaN
            where there is no picture shortly before.
        rest: (F,) float64, the same of eyes and brows.
    """

    times: np.ndarray
    mouth: np.ndarray
    rest: np.ndarray


def movement(times: np.ndarray, sides: np.ndarray, crops: Iterable[np.ndarray]) -> Movement:
    """How one face moves.

    Args:
        times: (F,) float64, seconds, increasing.
        sides: (F,) shorter side of the face in the picture, pixels.
        crops: F of `face_crops.crop_face`.
    """
    mouth, rest = np.full(len(times), np.nan), np.full(len(times), np.nan)
    before: np.ndarray | None = None
    for row, crop in enumerate(crops):
        now = _small(crop) if sides[row] >= _SMALLEST else None
        if before is not None and now is not None and times[row] - times[row - 1] <= _APART:
            mouth[row], rest[row] = _difference(before, now, _MOUTH), _difference(before, now, _REST)
        before = now
    return Movement(np.asarray(times, dtype=np.float64), mouth, rest)


def _small(crop: np.ndarray) -> np.ndarray:
    grey = cv2.GaussianBlur(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 2.0)
    return cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)


def _difference(before: np.ndarray, now: np.ndarray, part: tuple[int, int, int, int]) -> float:
    """One minus the correlation of a part of the face with where it fits best in the next picture."""
    top, bottom, left, right = part
    around = now[top - _REACH : bottom + _REACH, left - _REACH : right + _REACH]
    fit = cv2.matchTemplate(around, before[top:bottom, left:right], cv2.TM_CCOEFF_NORMED)
    best = float(fit.max())
    return 1 - best if np.isfinite(best) else 0.0


@dataclass(frozen=True)
class Evidence:
    """What a stretch of time says about one face.

    Attributes:
        mouth: mean log of the mouth's movement.
        own: the same less that of the rest of the face.
        together: Fisher's z of the correlation between the log of the mouth's movement and the level of the
            sound.
        count: movements.
    """

    mouth: float
    own: float
    together: float
    count: int


def evidence(moved: Movement, waveform: np.ndarray | None, start: float, end: float) -> Evidence | None:
    """The evidence of a stretch, None where there is too little to tell; see `log_odds`."""
    rows = (moved.times >= start) & (moved.times < end) & np.isfinite(moved.mouth)
    count = int(rows.sum())
    if count < LEAST or waveform is None:
        return None
    mouth = np.log(moved.mouth[rows] + _STILL)
    own = float((mouth - np.log(moved.rest[rows] + _STILL)).mean())
    level = _levels(waveform, moved.times[rows])
    moves = mouth.std() > 1e-6 and level.std() > 1e-6
    r = float(np.corrcoef(mouth, level)[0, 1]) if moves else 0.0
    return Evidence(float(mouth.mean()), own, float(np.arctanh(np.clip(r, -0.95, 0.95))), count)


def log_odds(moved: Movement, waveform: np.ndarray | None, start: float, end: float) -> float:
    """Natural log of how much likelier the movement is of someone who speaks than of someone who does not; 0
    where there is too little to tell.

    Args:
        moved: of the face.
        waveform: (N,) float32 at 16 kHz, on the same clock as the movement.
        start: seconds from which somebody speaks.
        end: seconds.
    """
    found = evidence(moved, waveform, start, end)
    if found is None:
        return 0.0
    moves = WEIGHTS[0] * found.mouth + WEIGHTS[1] * found.own + WEIGHTS[2]
    return moves + with_voice(found)


def with_voice(found: Evidence) -> float:
    """Log likelihood ratio of the correlation between movement and loudness: Fisher's z has a variance of one
    over the number of values less three, around `WITH_VOICE` for a speaker and 0 for anybody else.
    """
    return (min(found.count, _MOST) - 3) * WITH_VOICE * (found.together - WITH_VOICE / 2)


def _levels(waveform: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Mean level in dB of the quarter of a second before each time."""
    level = 10 * np.log10(block_power(waveform, int(SAMPLE_RATE * _BLOCK)) + 1e-7)
    sums = np.concatenate([[0.0], np.cumsum(level)])
    last = np.clip(np.rint(times / _BLOCK).astype(int), 1, max(len(level), 1))
    first = np.clip(np.rint((times - 0.25) / _BLOCK).astype(int), 0, last - 1)
    if not len(level):
        return np.zeros(len(times))
    means: np.ndarray = (sums[last] - sums[first]) / (last - first)
    return means


def expected(count: int) -> np.ndarray:
    """(count,) float64: the probability of each of so many faces in view to be the speaker's, before anything
    is known of them.
    """
    return np.full(count, (1 - (ALONE if count == 1 else NOBODY_SEEN)) / max(count, 1))


def probabilities(odds: Sequence[float], before: Sequence[float] | None = None) -> np.ndarray:
    """(n,) float64: the probability of each of n faces in view to be the speaker's; what is missing from 1 is
    that of somebody out of view.

    Args:
        odds: `log_odds` of each face.
        before: (n,) the probability of each before its mouth is looked at, with a sum below 1; None for
            `expected`.
    """
    prior = expected(len(odds)) if before is None else np.asarray(before, dtype=np.float64)
    weight = np.maximum(prior, 1e-3) * np.exp(np.clip(odds, -8.0, 8.0))
    found: np.ndarray = weight / (weight.sum() + max(1 - prior.sum(), 1e-2))
    return found
