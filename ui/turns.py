"""Work in turns: only so many analyses run at once, and who waits has a place in a line.

A person whose request waits has one place in the line, however many more they ask for: the next one gets a
place behind everybody when the one before it begins. So nobody is overtaken by somebody's second request, and
nobody waits for ever.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Self

AT_ONCE = "MMER_ANALYSES_AT_ONCE"
FIRST_PACE = 5.0  # seconds of a turn, as long as none was measured
ASKED_EVERY = 0.25  # seconds between two questions whether somebody still waits
WEIGHT = 0.3  # of the newest measurement in the recent pace


class Turns:
    """The places for work and the line before them. Safe to use from any thread.

    Args:
        places: how many may work at once, at least 1.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._changed = threading.Condition()
        self._working: list[Turn] = []
        self._line: list[Turn] = []  # the first request of each person who waits
        self._later: list[Turn] = []  # further requests of theirs
        self._pace = FIRST_PACE

    def join(self, person: str) -> Turn:
        """A turn at the end of the line; it may begin at once.

        Args:
            person: whose request it is.
        """
        turn = Turn(self, person)
        with self._changed:
            self._stand(turn)
            self._fill()
        return turn

    def _stand(self, turn: Turn) -> None:
        waits = any(other.person == turn.person for other in self._line)
        (self._later if waits else self._line).append(turn)

    def _fill(self) -> None:
        """Give free places to those in front."""
        while self._line and len(self._working) < self.places:
            turn = self._line.pop(0)
            turn.began = time.monotonic()
            self._working.append(turn)
            self._move_up(turn.person)
        self._changed.notify_all()

    def _move_up(self, person: str) -> None:
        """Let the person's next request stand in the line, if none of theirs does."""
        following = next((turn for turn in self._later if turn.person == person), None)
        if following is not None and not any(turn.person == person for turn in self._line):
            self._later.remove(following)
            self._line.append(following)

    def _drop(self, turn: Turn) -> None:
        for group in (self._working, self._line, self._later):
            if turn in group:
                group.remove(turn)
        self._move_up(turn.person)

    def _learn(self, turn: Turn) -> None:
        self._pace += WEIGHT * (time.monotonic() - turn.began - self._pace)


class Turn:
    """One request: in the line, then at work, then gone. Leaving the `with` block frees its place.

    Attributes:
        person: whose it is.
        began: when it got its place; `time.monotonic`.
    """

    def __init__(self, turns: Turns, person: str) -> None:
        self._turns, self.person, self.began = turns, person, 0.0

    @property
    def number(self) -> int:
        """Its place in the line, from 1; 0 where it does not wait."""
        with self._turns._changed:
            waiting = [*self._turns._line, *self._turns._later]
            return waiting.index(self) + 1 if self in waiting else 0

    @property
    def left(self) -> float:
        """Seconds until it should begin, at the recent pace."""
        number = self.number
        with self._turns._changed:
            return self._turns._pace * number / self._turns.places

    def wait(self, seconds: float) -> bool:
        """Whether it has a place, at the latest after these seconds."""
        turns = self._turns
        with turns._changed:
            return turns._changed.wait_for(lambda: self in turns._working, seconds)

    def begin(self, stop: Callable[[], bool]) -> bool:
        """Wait for a place, or until `stop` is true; whether it has one. Outside of the threads of pages."""
        while not self.wait(ASKED_EVERY):
            if stop():
                return False
        return True

    def go_on(self, stop: Callable[[], bool]) -> bool:
        """Between two steps of long work: let those who wait go first, and wait for the next place, or until
        `stop` is true; whether it has one.
        """
        return not stop() and (self.give_way() or self.begin(stop))

    def give_way(self) -> bool:
        """Let those who wait go first, if there are any: then this stands at the end of the line.

        Returns:
            Whether it still has its place.
        """
        turns = self._turns
        with turns._changed:
            if self not in turns._working:
                return False
            if turns._line:
                turns._learn(self)
                turns._drop(self)
                turns._stand(self)
                turns._fill()
            return self in turns._working

    def leave(self, *, done: bool = False) -> None:
        """Give up the place, at work or in the line; may be called again.

        Args:
            done: the work came to its end, so its time tells how long others have to wait.
        """
        turns = self._turns
        with turns._changed:
            if done and self in turns._working:
                turns._learn(self)
            turns._drop(self)
            turns._fill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave(done=kind is None)


def places() -> int:
    """How many analyses may run at once: `MMER_ANALYSES_AT_ONCE`, or one for each core."""
    given = os.environ.get(AT_ONCE, "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@cache
def turns() -> Turns:
    """The one line of this process, for everybody's analyses."""
    return Turns(places())


@cache
def recordings() -> Turns:
    """The line of recordings: so many, each with a piece of it in memory, take turns at being read."""
    return Turns(2 * places())
