"""Speech cut where somebody hands over to somebody else, and the windows in which its voices are embedded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.speakers.segmentation import CENTRE, FRAME, Activity
from mmer_core.media.voice_activity import runs

WINDOW, HOP = int(2.5 * SAMPLE_RATE), int(1.25 * SAMPLE_RATE)  # samples
LEAST = int(0.6 * SAMPLE_RATE)  # samples; shorter pieces are embedded with what is around them
_GRID = 1_600  # samples; lengths of short windows are multiples, so that many are read at once
_FIRM = 0.4  # seconds that a piece lasts at least to have a say in who there is
_ALONE = 0.5  # share of a window in which two may speak for it to have a say


@dataclass(frozen=True)
class Window:
    """A part of the sound in which one voice is embedded.

    Attributes:
        piece: position of the piece of speech that it belongs to.
        start: first sample.
        end: the sample after the last.
        firm: whether it is long enough and spoken over little enough to say who there is.
    """

    piece: int
    start: int
    end: int
    firm: bool


def cut(activity: Activity) -> list[tuple[int, int]]:
    """First frame and the one after the last of each stretch of speech between pauses and hand-overs."""
    changes = [(first + last) // 2 for first, last in runs(activity.changes)]
    pieces = []
    for first, last in runs(activity.count > 0):
        edges = [first, *(change for change in changes if first < change < last), last]
        pieces += list(pairwise(edges))
    return pieces


def windows(pieces: Sequence[tuple[int, int]], count: np.ndarray, samples: int) -> list[Window]:
    """The windows of all pieces, in order of time.

    Args:
        pieces: from `cut`.
        count: (T,) how many people speak in each frame.
        samples: of the sound.
    """
    found = []
    for piece, (first, last) in enumerate(pieces):
        start, end = sample(first), min(sample(last), samples)
        for a, b in _spread(start, end, samples):
            frames = count[frame(a) : frame(b) + 1]
            firm = end - start >= _FIRM * SAMPLE_RATE and float(np.mean(frames > 1)) < _ALONE
            found.append(Window(piece, a, b, firm))
    return found


def _spread(start: int, end: int, samples: int) -> list[tuple[int, int]]:
    """Windows over a piece of speech from one sample to another: evenly, from its start to its end."""
    rest = end - start - WINDOW
    if rest > 0:
        steps = -(-rest // HOP)
        starts = [start + rest * i // steps for i in range(steps + 1)]
        return [(a, a + WINDOW) for a in starts]
    if end - start >= LEAST:
        return [(start, start + (end - start) // _GRID * _GRID)]
    first = max(0, min((start + end - LEAST) // 2, samples - LEAST))
    return [(first, min(first + LEAST, samples))]


def sample(position: int) -> int:
    """The sample at which a frame begins."""
    return max(0, round(CENTRE + FRAME * (position - 0.5)))


def frame(position: int) -> int:
    """The frame in which a sample lies."""
    return max(0, round((position - CENTRE) / FRAME))
