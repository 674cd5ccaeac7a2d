"""Everybody who is seen in a recording: the faces of its pieces joined to people, by place and by
appearance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mmer_core.media.appearance import SAME
from mmer_core.media.face_tracks import overlap
from mmer_core.recordings.faces import PAUSE, PieceFaces
from mmer_core.recordings.people import Box, FaceEmotion, Person, Sight

MOST_PEOPLE = 100  # of a recording; whoever else comes into view is not followed
LEAST_SEEN = 3  # pictures in which somebody new is seen at least
GOES_ON = 0.15  # cosine that is enough where a face is still where it was at the end of the piece before
BOXES = 16  # kept for each second, of all people together
_PICTURES = 4  # for each second
_WEIGHT = 40  # tracks after which what somebody looks like hardly changes any more


@dataclass
class _Known:
    """What is known of a person: the mean appearance, from how many tracks, and where they were last."""

    look: np.ndarray
    count: int = 1
    last: float = float("-inf")
    box: np.ndarray = field(default_factory=lambda: np.zeros(4))


@dataclass
class _PieceSeen:
    """The people of a piece up to where the next begins, seconds of the recording."""

    start: float
    until: float
    people: list[Person]


class Cast:
    """The people of a recording that is read piece by piece; their numbers, once given, stay."""

    def __init__(self) -> None:
        self._known: list[_Known] = []
        self._pieces: list[_PieceSeen] = []

    def join(self, faces: PieceFaces, start: float) -> list[int | None]:
        """The person of each track of a piece that starts at `start`; None for somebody who is hardly seen,
        or whom there is no room for.
        """
        spans = [(track[0][0], track[-1][0]) for track in faces.tracks]
        numbers: list[int | None] = [None] * len(spans)
        known = len(self._known)
        self._match(faces, start, numbers, spans, range(known))
        new: list[int] = []
        for track in sorted(range(len(spans)), key=lambda t: -len(faces.tracks[t])):
            seen = len(faces.tracks[track])
            if numbers[track] is None and seen >= LEAST_SEEN and known + len(new) < MOST_PEOPLE:
                numbers[track] = known + len(new)
                new.append(track)
                self._known.append(_Known(faces.looks[track]))
                self._match(faces, start, numbers, spans, [len(self._known) - 1])
        self._in_order(numbers, known, faces)
        for track, number in enumerate(numbers):
            if number is not None:
                self._learn(number, faces, track, start)
        return numbers

    def _match(
        self,
        faces: PieceFaces,
        start: float,
        numbers: list[int | None],
        spans: Sequence[tuple[int, int]],
        people: Iterable[int],
    ) -> None:
        """Give tracks to the people they resemble most, none to somebody who is in view elsewhere
        meanwhile.
        """
        pairs = sorted(
            (
                (likeness, track, number)
                for number in people
                for track in range(len(spans))
                if numbers[track] is None
                and (likeness := self._likeness(number, faces, track, start)) is not None
            ),
            reverse=True,
        )
        for _, track, number in pairs:
            first, last = spans[track]
            free = all(
                not (other == number and spans[t][0] <= last and first <= spans[t][1])
                for t, other in enumerate(numbers)
            )
            if numbers[track] is None and free:
                numbers[track] = number

    def _likeness(self, number: int, faces: PieceFaces, track: int, start: float) -> float | None:
        """The cosine of a track and a person; None if they are two people."""
        known = self._known[number]
        cosine = float(known.look @ faces.looks[track])
        index, face = faces.tracks[track][0]
        since = start + float(faces.times[index]) - known.last
        if -faces.times[-1] <= since <= PAUSE and overlap(known.box, face.box) > 0.5 and index < _PICTURES:
            return cosine + 1 if cosine >= GOES_ON else None
        return cosine if cosine >= SAME else None

    def _in_order(self, numbers: list[int | None], known: int, faces: PieceFaces) -> None:
        """Number those who are new in the order in which they are first seen, from the left."""
        first: dict[int, tuple[int, float]] = {}
        for number, track in zip(numbers, faces.tracks, strict=True):
            if number is not None and number >= known:
                place = track[0][0], float(track[0][1].centre[0])
                first[number] = min(first.get(number, place), place)
        new = sorted(first, key=first.__getitem__)
        renamed: dict[int | None, int] = {old: known + k for k, old in enumerate(new)}
        self._known[known:] = [self._known[old] for old in new]
        numbers[:] = [renamed.get(n, n) for n in numbers]

    def _learn(self, number: int, faces: PieceFaces, track: int, start: float) -> None:
        known = self._known[number]
        look = known.look * known.count + faces.looks[track]
        known.look = look / max(float(np.linalg.norm(look)), 1e-9)
        known.count = min(known.count + 1, _WEIGHT)
        index, face = faces.tracks[track][-1]
        if start + float(faces.times[index]) > known.last:
            known.last, known.box = start + float(faces.times[index]), face.box

    def see(
        self,
        faces: PieceFaces,
        numbers: Sequence[int | None],
        start: float,
        until: float,
        emotions: Mapping[int, Sequence[FaceEmotion]],
    ) -> dict[str, Any]:
        """Keep who is seen in a piece up to `until`, in place of what was kept of it before.

        Returns:
            The same as a JSON object, see `restore`.
        """
        people = [
            Person(number, _sights(faces, numbers, number, start, until), tuple(emotions.get(number, ())))
            for number in sorted({n for n in numbers if n is not None})
        ]
        piece = _PieceSeen(start, until, [p for p in people if p.sights])
        self._pieces = [p for p in self._pieces if p.start < start] + [piece]
        return {
            "start": start,
            "until": until,
            "people": [person.to_json() for person in piece.people],
            "looks": {
                str(p.number): [round(float(x) * 127) for x in self._known[p.number].look]
                for p in piece.people
            },
        }

    def restore(self, rows: Iterable[Mapping[str, Any]], position: float) -> None:
        """Go on from what `see` returned for each piece, up to `position`, seconds of the recording."""
        ordered = sorted(rows, key=lambda row: float(row["start"]))
        looks: dict[int, np.ndarray] = {}
        for row, after in zip(ordered, [*ordered[1:], {"start": position}], strict=False):
            until = min(float(row["until"]), float(after["start"]), position)
            found = [_until(Person.from_json(person), until) for person in row["people"]]
            self._pieces.append(_PieceSeen(float(row["start"]), until, [p for p in found if p.sights]))
            looks |= {int(n): np.array(values, np.float32) for n, values in row["looks"].items()}
        for number in range(max(looks, default=-1) + 1):
            look = looks.get(number, np.zeros(128, np.float32))
            self._known.append(_Known(look / max(float(np.linalg.norm(look)), 1e-9), LEAST_SEEN))

    def people(self) -> tuple[Person, ...]:
        """Everybody who was seen, with all their sights and emotions."""
        sights: dict[int, list[Sight]] = {}
        emotions: dict[int, list[FaceEmotion]] = {}
        for piece in self._pieces:
            for person in piece.people:
                own = sights.setdefault(person.number, [])
                first, *rest = person.sights
                own[-1:] = _joined(own[-1], first) if own else [first]
                own += rest
                emotions.setdefault(person.number, []).extend(person.emotions)
        return tuple(Person(n, tuple(sights[n]), tuple(emotions[n])) for n in sorted(sights))


def _sights(
    faces: PieceFaces, numbers: Sequence[int | None], number: int, start: float, until: float
) -> tuple[Sight, ...]:
    """The sights of a person in a piece, thinned where many people are in view."""
    width, height = faces.size
    scale = np.array([width, height, width, height], dtype=np.float64)
    step = -(-faces.crowd * _PICTURES // BOXES)
    found = []
    for track, owner in zip(faces.tracks, numbers, strict=True):
        rows = [(start + float(faces.times[i]), face.box) for i, face in track if owner == number]
        rows = [row for row in rows if row[0] < until]
        times = np.array([time for time, _ in rows])
        for run in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(times) > PAUSE) + 1):
            kept = sorted({*run[::step].tolist(), *run[-1:].tolist()})
            if kept:
                boxes = [np.clip(rows[k][1] / scale, 0.0, 1.0) for k in kept]
                found.append(Sight(tuple(rows[k][0] for k in kept), tuple(_box(box) for box in boxes)))
    return tuple(sorted(found, key=lambda sight: sight.times[0]))


def _box(values: np.ndarray) -> Box:
    x0, y0, x1, y1 = (round(float(value), 4) for value in values)
    return x0, y0, x1, y1


def _joined(before: Sight, after: Sight) -> list[Sight]:
    """Two sights as one, where the face is still in its place after a short pause."""
    near = after.times[0] - before.times[-1] <= PAUSE
    if near and overlap(np.array(before.boxes[-1]), np.array(after.boxes[0])) > 0.2:
        return [Sight(before.times + after.times, before.boxes + after.boxes)]
    return [before, after]


def _until(person: Person, until: float) -> Person:
    """The person as far as they were seen before a time."""
    sights = []
    for sight in person.sights:
        count = int(np.searchsorted(sight.times, until))
        if count:
            sights.append(Sight(sight.times[:count], sight.boxes[:count]))
    return replace(
        person, sights=tuple(sights), emotions=tuple(e for e in person.emotions if e.start < until)
    )
