"""Work for the person at a page, done when it is their turn, and ended when they no longer want it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

import streamlit as st

from mmer_core.inference.memory import give_back
from mmer_core.service.interruption import InterruptibleThread
from ui.at_work import begin, person
from ui.keeping import is_open
from ui.turns import Turn, turns

BEAT = 0.25  # seconds between two questions whether the person still wants it
TOLD = 1.0  # seconds between two lines about the place in the line
T = TypeVar("T")
Post = Callable[[Callable[[], object]], None]
Waits = Callable[[int, float], None]


def in_turn(work: Callable[[Post], T], waits: Waits = lambda number, seconds: None) -> T:
    """What `work` returns, or raises, as soon as it is this person's turn. Called in the thread of a page.

    When the page is left, closed or run anew, this raises what Streamlit ends a run with: a request that
    waits leaves the line, and work is interrupted at its next step of Python code. Its place is free when it
    has really ended.

    Args:
        work: done in a thread of its own, where nothing can be shown: it is given a function, and what it
            hands to that is called in the thread of the page.
        waits: told about once a second, while others are before: the place in the line, from 1, and the
            seconds that it should take.
    """
    turn = turns().join(person())
    try:
        _stand_in_line(turn, waits)
        job = _Job(work)
    except BaseException:
        turn.leave()
        raise
    try:
        job.listen()
    except BaseException:
        threading.Thread(target=job.end, args=(turn,), name="ends-work", daemon=True).start()
        raise
    turn.leave(done=True)
    return job.result()


def _stand_in_line(turn: Turn, waits: Waits) -> None:
    told, at = 0, 0.0
    while not turn.wait(BEAT if told else 0.0):
        number, now = turn.number, time.monotonic()
        if number and (number != told or now - at >= TOLD):
            waits(number, turn.left)
            told, at = number, now
        _go_on()


def _go_on() -> None:
    """Raises what ends the run of the page, if its person left it or asked for something else."""
    if not is_open():
        st.stop()
    st.session_state.get("in-turn")  # wherever a page touches its state, Streamlit may break it off


class _Job(Generic[T]):
    """Work in a thread of its own."""

    def __init__(self, work: Callable[[Post], T]) -> None:
        self._work, self._results, self._error = work, list[T](), list[Exception]()
        self._told: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._thread = InterruptibleThread(self._run, "analysis")
        begin(self._thread)

    def _run(self) -> None:
        try:
            self._results.append(self._work(self._told.put))
        except Exception as error:  # noqa: BLE001  raised in the thread of the page
            self._error.append(error)
        finally:
            give_back()  # every thread has a heap of its own, which the C library would keep
            self._told.put(None)

    def listen(self) -> None:
        """Call what the work hands over, until it has ended."""
        while True:
            try:
                call = self._told.get(timeout=BEAT)
            except queue.Empty:
                _go_on()
                continue
            if call is None:
                return
            call()

    def end(self, turn: Turn) -> None:
        """Interrupt the work; the turn is over when it has ended."""
        try:
            self._thread.interrupt(0.0)
        finally:
            turn.leave()
            del self._thread

    def result(self) -> T:
        """What it returned, once; raises what it raised. Nothing goes round in circles afterwards: a clip
        would stay in memory until the garbage collector comes.
        """
        del self._thread
        if self._error:
            raise self._error.pop()
        return self._results.pop()
