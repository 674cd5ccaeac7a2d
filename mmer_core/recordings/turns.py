"""Who speaks in an utterance, from the turns that a diarisation found in the whole sound."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.speakers import heard
from mmer_core.recordings.pieces import sound_pieces

OVERLAP = 0.2  # share of an utterance in which two speak from which on it is called overlapped


class Turn(Protocol):
    """One person speaks: seconds, and the number of the speaker from 0."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def speaker(self) -> int: ...


#: Tells the speakers in (N,) float32 at 16 kHz apart; the turns, or an object with `turns`.
Speakers = Callable[[np.ndarray], Any]


class Turns:
    """The turns of a recording, in seconds from its start."""

    def __init__(self, turns: Iterable[tuple[float, float, int]]) -> None:
        self._turns = sorted(turns)

    def to_json(self) -> list[list[float]]:
        """Start, end and speaker of each turn."""
        return [list(turn) for turn in self._turns]

    def changes(self, start: float, end: float) -> list[float]:
        """When one speaker hands over to another between two times; in the middle where both speak."""
        found = []
        for (_, first_end, a), (next_start, _, b) in pairwise(self._turns):
            at = next_start if first_end <= next_start else (next_start + first_end) / 2
            if a != b and start < at < end:
                found.append(at)
        return found

    def speaker(self, start: float, end: float) -> tuple[int | None, bool]:
        """Who speaks longest between two times, None if nobody does, and whether somebody else speaks at the
        same time.
        """
        seconds, both = heard(self._turns, start, end)
        if not seconds:
            return None, False
        return max(seconds, key=seconds.__getitem__), both >= OVERLAP * (end - start)


def find_turns(
    path: Path, speakers: Speakers, start: float, end: float, progress: Callable[[float], None]
) -> Turns:
    """Tell speakers apart in the sound of a recording, which is kept in a private temporary file meanwhile:
    64 kB for each second, and little of it in memory.

    Args:
        path: of the recording.
        speakers: tells them apart.
        start: seconds.
        end: seconds.
        progress: called with the seconds whose sound was decoded.
    """
    with tempfile.TemporaryFile(prefix="mmer-") as file:
        for piece in sound_pieces(path, start, end):
            assert piece.clip.waveform is not None
            file.seek(round((piece.start - start) * SAMPLE_RATE) * 4)  # a hole is silence
            file.write(piece.clip.waveform[: round((end - piece.start) * SAMPLE_RATE)].tobytes())
            progress(min(piece.end, end))
        count = file.seek(0, 2) // 4
        if count == 0:
            return Turns(())
        found = speakers(np.memmap(file, np.float32, mode="r", shape=(count,)))
    turns: Sequence[Turn] = found.turns if hasattr(found, "turns") else found
    return Turns((turn.start + start, turn.end + start, turn.speaker) for turn in turns)
