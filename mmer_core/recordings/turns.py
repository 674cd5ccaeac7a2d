"""Who speaks in an utterance, from the turns that a diarisation found."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from mmer_core.media.speakers import heard

OVERLAP = 0.2  # share of an utterance in which two speak from which on it is called overlapped


class Turns:
    """The turns of a recording, in seconds from its start."""

    def __init__(self, turns: Iterable[tuple[float, float, int]]) -> None:
        self._turns = sorted(turns)
        self._starts = np.array([start for start, _, _ in self._turns])
        self._ends = np.array([end for _, end, _ in self._turns])

    def _between(self, start: float, end: float) -> list[tuple[float, float, int]]:
        """The turns of which some is between two times."""
        inside = (self._starts < end) & (self._ends > start)
        return [self._turns[i] for i in np.flatnonzero(inside).tolist()]

    def changes(self, start: float, end: float) -> list[float]:
        """When one speaker hands over to another between two times; in the middle where both speak."""
        found = []
        for (_, first_end, a), (next_start, _, b) in pairwise(self._between(start, end)):
            at = next_start if first_end <= next_start else (next_start + first_end) / 2
            if a != b and start < at < end:
                found.append(at)
        return found

    def speaker(self, start: float, end: float) -> tuple[int | None, bool]:
        """Who speaks longest between two times, None if nobody does, and whether somebody else speaks at the
        same time.
        """
        seconds, both = heard(self._between(start, end), start, end)
        if not seconds:
            return None, False
        return max(seconds, key=seconds.__getitem__), both >= OVERLAP * (end - start)
