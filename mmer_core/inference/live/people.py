"""The people of a running picture: who is who from one picture to the next, and which is the main person.

Places tell people apart, not looks: two who change places while both are out of sight change their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mmer_core.media.face_crops import Detection
from mmer_core.media.face_tracks import overlap

_OVERLAP = 0.2  # of two boxes grown by half, from which they are the same face
_CERTAIN = 0.92  # score from which a face counts at once; others must be seen twice
_REACH = 1.0  # sides of the face, and as many again for each second out of sight, that it may have moved
_ALIKE = 2.0  # by which the sides of a face that was out of sight may have changed
_STAYS = 2.0  # how much more than its rivals the main face counts, and one that is read already
_SMALLEST = 20  # pixels of a face that is worth reading
_MOST = 50  # people that are kept in mind


@dataclass
class Person:
    """Somebody in the picture.

    Attributes:
        number: from 1, in the order of their coming; nobody gets a number again.
        face: where they were seen last.
        seen: when, in seconds.
        missed: when the first picture without them was taken; None while they are in view. Not measured from
            `seen`: while nothing is read nobody goes.
        read: their face is among those to be read.
    """

    number: int
    face: Detection
    seen: float
    missed: float | None = None
    read: bool = False


#: (person, face, now) -> how near they are; 0 if they cannot be the same.
Nearness = Callable[[Person, Detection, float], float]


class PeopleTracker:
    """Gives faces to people, picture by picture.

    Args:
        away: seconds for which somebody who is out of sight keeps their number.
        most_read: faces of one picture that are read at most.

    Attributes:
        main: number of the main person, who may be out of sight for a while; None if there is none.
        chosen: number of the main person that somebody asked for; None where the largest, most central one
            is taken. It ends when that person has gone.
    """

    def __init__(self, away: float = 3.0, most_read: int = 6) -> None:
        self._away, self._most_read = away, most_read
        self.main: int | None = None
        self.chosen: int | None = None
        self._people: dict[int, Person] = {}
        self._unsure: list[Detection] = []
        self._count = 0

    def follow(self, faces: Sequence[Detection], at: float, shape: tuple[int, ...]) -> list[Person]:
        """The people whose faces are in a picture, by number.

        Args:
            faces: found in it.
            at: when it was taken, in seconds; never before the last one.
            shape: of the picture, height and width first.
        """
        self._people = {
            n: p for n, p in self._people.items() if p.missed is None or at - p.missed <= self._away
        }
        rest = self._give(list(faces), at, _nearness_in_view)
        rest = self._give(rest, at, _nearness_out_of_sight)
        if len(self._people) == len(rest) == 1:  # who is alone is followed wherever they are
            rest = self._give(rest, at, _alike)
        self._welcome(rest, at)
        for person in self._people.values():
            if person.seen < at and person.missed is None:
                person.missed = at
        there = sorted((p for p in self._people.values() if p.seen == at), key=lambda p: p.number)
        self._choose_main(there, shape)
        self._choose_read(there, shape)
        return there

    @property
    def known(self) -> tuple[int, ...]:
        """Numbers of everybody in view or out of sight for a moment."""
        return tuple(sorted(self._people))

    def choose(self, number: int | None) -> bool:
        """Take this person for the main one from now on, or with None the largest, most central one. Returns
        whether there is such a person, in sight or away for a moment; without one, all stays as it is.
        """
        if number is not None and number not in self._people:
            return False
        self.chosen = number
        self.main = number or self.main
        return True

    def clear(self) -> None:
        """Forget everybody, and begin with number 1."""
        self.main = self.chosen = None
        self._people, self._unsure, self._count = {}, [], 0

    def _give(self, faces: list[Detection], at: float, nearness: Nearness) -> list[Detection]:
        """Give each face to the nearest person who has none yet. Returns the faces that nobody got."""
        waiting = [p for p in self._people.values() if p.seen < at]
        pairs = sorted(
            ((nearness(p, f, at), i, j) for i, p in enumerate(waiting) for j, f in enumerate(faces)),
            reverse=True,
        )
        used_people, used_faces = set(), set()
        for near, i, j in pairs:
            if near > 0 and i not in used_people and j not in used_faces:
                waiting[i].face, waiting[i].seen, waiting[i].missed = faces[j], at, None
                used_people.add(i)
                used_faces.add(j)
        return [f for j, f in enumerate(faces) if j not in used_faces]

    def _welcome(self, faces: list[Detection], at: float) -> None:
        """Give a number to new faces; one that the detector is less certain of must be there in the next
        picture as well: most of those are patterns that resemble a face for a moment.
        """
        before, self._unsure = self._unsure, []
        for face in faces[: _MOST - len(self._people)]:
            if face.score >= _CERTAIN or any(overlap(face.box, b.box) >= _OVERLAP for b in before):
                self._count += 1
                self._people[self._count] = Person(self._count, face, at)
            else:
                self._unsure.append(face)

    def _choose_main(self, there: list[Person], shape: tuple[int, ...]) -> None:
        """Keep the main person while they are known, unless another counts for more than twice as much."""
        if self.chosen is not None and self.chosen not in self._people:
            self.chosen = None
        if self.chosen is not None:
            self.main = self.chosen
            return
        now = self._people.get(self.main or 0)
        if now is not None and now not in there:
            return
        best = max(there, key=lambda p: _weight(p.face, shape) * (_STAYS if p is now else 1), default=None)
        self.main = None if best is None else best.number

    def _choose_read(self, there: list[Person], shape: tuple[int, ...]) -> None:
        """Mark those to be read: the main person, and then the largest, most central ones."""
        ranked = sorted(
            (p for p in there if p.face.sides.min() >= _SMALLEST),
            key=lambda p: (
                p.number == self.main,
                _weight(p.face, shape) * (_STAYS if p.read else 1),
            ),
            reverse=True,
        )
        read = {p.number for p in ranked[: self._most_read]}
        for person in self._people.values():
            person.read = person.number in read


def _weight(face: Detection, shape: tuple[int, ...]) -> float:
    """Area x score x centrality, as in `media.face_tracks`."""
    middle = np.array(shape[1::-1]) / 2
    off = float(np.linalg.norm(face.centre - middle) / np.linalg.norm(middle))
    return float(face.sides.prod()) * face.score * max(1 - off, 0.05)


def _nearness_in_view(person: Person, face: Detection, at: float) -> float:
    """Overlap of the two places; 0 if it is too little."""
    share = overlap(person.face.box, face.box)
    return share if share >= _OVERLAP else 0.0


def _nearness_out_of_sight(person: Person, face: Detection, at: float) -> float:
    """Higher the nearer the two places; 0 if the person cannot have moved that far, or the size differs."""
    side = float(max(person.face.sides.max(), face.sides.max()))
    gone = 0.0 if person.missed is None else at - person.missed
    reach = _REACH * (1 + gone) * side
    near = 1 - float(np.linalg.norm(person.face.centre - face.centre)) / reach
    return max(0.0, near) * _alike(person, face, at)


def _alike(person: Person, face: Detection, at: float) -> float:
    """1 if the two have about the same size, 0 otherwise."""
    return float(1 / _ALIKE <= face.sides.max() / person.face.sides.max() <= _ALIKE)
