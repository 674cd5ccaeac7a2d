"""Which voice goes with which face, from all utterances of a recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mmer_core.media import active_speaker
from mmer_core.recordings.people import Person
from mmer_core.recordings.turns import Turns
from mmer_core.recordings.utterances import Utterance

LONG = 3.0  # seconds of an utterance that counts in full
_OPEN = 2.0  # utterances' worth of doubt whose voice it is
_MOST = 8.0  # utterances' worth that what was tied before can say: a wrong tie must be overcome
_SECONDS_OPEN = 2.0  # seconds of doubt whether a face and a voice belong together


class Bonds:
    """Whose face was tied to whose voice so far. Speakers' numbers may change while a recording is read, so
    they are looked up anew when the turns are others.
    """

    def __init__(self) -> None:
        self._ties: list[tuple[float, float, int, float]] = []
        self._turns: Turns | None = None
        self._counted = 0
        self._weight: dict[int, dict[int, float]] = {}

    def add(self, utterance: Utterance) -> None:
        """Note an utterance, if a face was tied to it."""
        if utterance.spoken and utterance.face is not None and not utterance.overlapped:
            weight = (utterance.face_probability or 0.0) * min(utterance.seconds / LONG, 1.0)
            self._ties.append((utterance.start, utterance.end, utterance.face, weight))

    def expected(self, turns: Turns | None, start: float, end: float, people: Sequence[int]) -> np.ndarray:
        """(n,) the probability of each of the people in view to be heard between two times, as far as whose
        voice it was before tells: little where it was somebody else's.
        """
        even = active_speaker.expected(len(people))
        voice = None if turns is None else turns.speaker(start, end)[0]
        if turns is None or voice is None:
            return even
        self._count(turns)
        tied = self._weight.get(voice, {})
        total = sum(tied.values())
        scale = min(1.0, _MOST / total) if total else 1.0
        own = np.array([tied.get(number, 0.0) for number in people]) * scale
        found: np.ndarray = (_OPEN * even + own) / (_OPEN + total * scale)
        return found

    def _count(self, turns: Turns) -> None:
        """Give what was tied to speakers as the turns are now."""
        if turns is not self._turns:
            self._turns, self._counted, self._weight = turns, 0, {}
        for start, end, face, weight in self._ties[self._counted :]:
            voice, overlapped = turns.speaker(start, end)
            if voice is not None and not overlapped:
                own = self._weight.setdefault(voice, {})
                own[face] = own.get(face, 0.0) + weight
        self._counted = len(self._ties)


def tied(people: Sequence[Person], utterances: Sequence[Utterance]) -> tuple[Person, ...]:
    """The people with the voice of each: the pairs that share most time, every voice and face once.

    The probability is the share of the pair in all seconds in which this face is taken as a speaker's or this
    voice has a face, each second counted with the probability of its utterance, less some doubt.
    """
    seconds: dict[tuple[int, int], float] = {}
    for u in utterances:
        if u.spoken and u.face is not None and u.speaker is not None:
            pair = u.face, u.speaker
            seconds[pair] = seconds.get(pair, 0.0) + u.seconds * (u.face_probability or 0.0)
    found: dict[int, tuple[int, float]] = {}
    for (face, voice), own in sorted(seconds.items(), key=lambda item: -item[1]):
        if face in found or voice in {v for v, _ in found.values()}:
            continue
        either = sum(s for (f, v), s in seconds.items() if f == face or v == voice)
        probability = own / (either + _SECONDS_OPEN)
        if probability >= 0.5:
            found[face] = voice, probability
    return tuple(
        replace(p, speaker=found[p.number][0], speaker_probability=found[p.number][1])
        if p.number in found
        else p
        for p in people
    )
