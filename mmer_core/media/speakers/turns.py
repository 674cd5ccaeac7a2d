"""Turns: who speaks when, and how they follow from the speaker of each window and the activity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.speakers.pieces import Window, sample
from mmer_core.media.speakers.segmentation import CENTRE, FRAME
from mmer_core.media.voice_activity import runs

_REACH = 178  # frames, 3 s, in which the second voice of an overlap speaks alone
_PAUSE = 0.3  # seconds between two parts of a turn
_SHORTEST = 0.1  # seconds of a turn


@dataclass(frozen=True)
class Turn:
    """One person speaks.

    Attributes:
        start: seconds.
        end: seconds.
        speaker: from 0, in the order in which they are first heard.
        overlapped: whether somebody else speaks at the same time in some of it.
    """

    start: float
    end: float
    speaker: int
    overlapped: bool


@dataclass(frozen=True)
class Spoken:
    """Who speaks in a stretch of a recording.

    Attributes:
        speaker: who speaks longest in it; None if nobody does.
        share: of the stretch in which that person speaks, in [0, 1].
        overlap: share of the stretch in which two or more speak.
    """

    speaker: int | None
    share: float
    overlap: float


@dataclass(frozen=True)
class Diarisation:
    """Who speaks when.

    Attributes:
        turns: in order of time; those of one speaker do not overlap.
        speakers: how many people speak; 0 if nobody does.
        duration: of the recording, seconds.
    """

    turns: tuple[Turn, ...]
    speakers: int
    duration: float

    def spoken(self, start: float, end: float) -> Spoken:
        """Who speaks between two times in seconds, and for how much of it two or more speak.

        Raises:
            ValueError: the end is not after the start.
        """
        if not end > start:
            raise ValueError(f"a stretch from {start} to {end} s has no length: give an end after the start")
        seconds, over = heard([(t.start, t.end, t.speaker) for t in self.turns], start, end)
        if not seconds:
            return Spoken(None, 0.0, 0.0)
        speaker = max(sorted(seconds), key=seconds.__getitem__)
        return Spoken(speaker, seconds[speaker] / (end - start), over / (end - start))

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        return asdict(self) | {"turns": [asdict(turn) for turn in self.turns]}


def heard(
    turns: Iterable[tuple[float, float, int]], start: float, end: float
) -> tuple[dict[int, float], float]:
    """{speaker: seconds} in which each is heard between two times, in the order of the turns, and the seconds
    in which two or more are.

    Args:
        turns: start, end and speaker of each.
        start: seconds.
        end: seconds.
    """
    inside = [(max(a, start), min(b, end), speaker) for a, b, speaker in turns if a < end and b > start]
    seconds: dict[int, float] = {}
    for a, b, speaker in inside:
        seconds[speaker] = seconds.get(speaker, 0.0) + b - a
    edges = sorted({t for a, b, _ in inside for t in (a, b)})
    speakers_at = [{s for x, y, s in inside if x <= a and b <= y} for a, b in pairwise(edges)]
    both = sum(b - a for (a, b), there in zip(pairwise(edges), speakers_at, strict=True) if len(there) > 1)
    return seconds, both


def painted(
    labels: np.ndarray, parts: Sequence[Window], pieces: Sequence[tuple[int, int]], total: int
) -> np.ndarray:
    """(T,) int: who speaks in each of `total` frames, -1 for nobody: inside a piece, the speaker of the
    window with the nearest middle.
    """
    speakers = np.full(total, -1)
    own = np.array([part.piece for part in parts])
    middles = np.array([(part.start + part.end) / 2 for part in parts])
    edges = np.searchsorted(own, np.arange(len(pieces) + 1))
    for (first, last), a, b in zip(pieces, edges[:-1], edges[1:], strict=True):
        centres = CENTRE + FRAME * np.arange(first, last)
        nearest = np.searchsorted((middles[a : b - 1] + middles[a + 1 : b]) / 2, centres)
        speakers[first:last] = labels[a:b][nearest]
    return speakers


def beside(speakers: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(T,) int: who speaks as well where two or more do: whoever else speaks nearest in time, up to 3 s away;
    -1 for nobody.
    """
    second = np.full(len(speakers), -1)
    for t in np.flatnonzero((count > 1) & (speakers >= 0)).tolist():
        low = max(0, t - _REACH)
        near = speakers[low : t + _REACH + 1]
        others = np.flatnonzero((near >= 0) & (near != speakers[t]))
        if len(others):
            second[t] = near[others[np.abs(others + low - t).argmin()]]
    return second


def as_diarisation(speakers: np.ndarray, second: np.ndarray, duration: float) -> Diarisation:
    """The turns of frames, speakers numbered as they are first heard.

    Args:
        speakers: (T,) from `painted`.
        second: (T,) from `beside`.
        duration: seconds.
    """
    found: list[tuple[float, float, int]] = []
    for speaker in np.unique(speakers[speakers >= 0]).tolist():
        for start, end in _joined((speakers == speaker) | (second == speaker), duration):
            found.append((start, end, speaker))
    found.sort()
    order = {speaker: i for i, speaker in enumerate(dict.fromkeys(s for *_, s in found))}
    latest: list[tuple[float, float, int]] = [(a, b, order[s]) for a, b, s in found]
    return Diarisation(tuple(_turns(latest)), len(order), duration)


def _joined(mask: np.ndarray, duration: float) -> list[tuple[float, float]]:
    """Start and end in seconds of the runs of a mask of frames, joined over short pauses, without blips."""
    joined: list[tuple[float, float]] = []
    for first, last in runs(mask):
        start, end = sample(first) / SAMPLE_RATE, min(sample(last) / SAMPLE_RATE, duration)
        if joined and start - joined[-1][1] < _PAUSE:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return [(a, b) for a, b in joined if b - a >= _SHORTEST]


def _turns(found: Sequence[tuple[float, float, int]]) -> list[Turn]:
    """Turns that know whether somebody else speaks in them; those given are in order of time."""
    over = [False] * len(found)
    active: list[int] = []
    for i, (start, *_) in enumerate(found):
        active = [j for j in active if found[j][1] > start]
        for j in active:
            over[i] = over[j] = True
        active.append(i)
    return [Turn(*turn, overlapped=o) for turn, o in zip(found, over, strict=True)]
