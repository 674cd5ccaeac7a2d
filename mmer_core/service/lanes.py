"""Lanes: how many requests of a kind may be in hand, and when a place will be free again."""

from __future__ import annotations

import math
import threading
from concurrent.futures import Future
from typing import Any

from mmer_core.service.metrics import Metrics

FIRST_PACE = 1.0  # seconds of work, as long as none was measured
WEIGHT = 0.3  # of the newest measurement in the recent pace
LONGEST_WAIT = 3600  # seconds that a client is told to wait, at most


class Full(Exception):
    """No place is free; the argument is the number of seconds after which to try again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Lane:
    """The places of one kind of request. Safe to use from any thread.

    Args:
        name: "words", "clips" or "recordings".
        workers: items that are worked on at a time.
        queue: requests that may wait for them.
        metrics: that count.
    """

    def __init__(self, name: str, workers: int, queue: int, metrics: Metrics) -> None:
        self.name, self._workers, self._places = name, workers, workers + queue
        self._metrics = metrics
        self._lock = threading.Lock()
        self._taken = self._items = 0
        self._pace = FIRST_PACE
        self._tell()

    def take(self) -> Place:
        """A place for one request.

        Raises:
            Full: there is none.
        """
        with self._lock:
            if self._taken >= self._places:
                self._metrics.rejected.labels(self.name).inc()
                raise Full(self._wait())
            self._taken += 1
        self._tell()
        return Place(self)

    def took(self, seconds: float, items: int = 1) -> None:
        """Learn from finished work how long an item takes."""
        with self._lock:
            self._pace += WEIGHT * (seconds / items - self._pace)

    def wait(self) -> int:
        """Whole seconds after which what is in hand now should be done, at the recent pace."""
        with self._lock:
            return self._wait()

    def _wait(self) -> int:
        seconds = self._pace * max(self._items, self._taken) / self._workers
        return min(max(1, math.ceil(seconds)), LONGEST_WAIT)

    def _add(self, requests: int, items: int) -> None:
        with self._lock:
            self._taken += requests
            self._items += items
        self._tell()

    def _tell(self) -> None:
        self._metrics.in_hand.labels(self.name).set(self._taken)


class Place:
    """One request's place: free again when the request has left it and none of its work is in hand."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._lock = threading.Lock()
        self._items, self._left = 0, False

    def hold(self, future: Future[Any]) -> None:
        """Stay taken until this work has ended, too."""
        with self._lock:
            self._items += 1
        self._lane._add(0, 1)
        future.add_done_callback(self._done)

    def leave(self) -> None:
        """The request has ended; may be called again."""
        with self._lock:
            if self._left:
                return
            self._left = True
            free = not self._items
        if free:
            self._lane._add(-1, 0)

    def _done(self, _: Future[Any]) -> None:
        with self._lock:
            self._items -= 1
            free = self._left and not self._items
        self._lane._add(-1 if free else 0, -1)
