"""A thread that can be interrupted between two steps of its Python code."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from contextlib import suppress

AGAIN = 0.5  # seconds after which an interruption that something swallowed is repeated


class Interrupted(BaseException):
    """Raised in the thread, wherever it is; not an `Exception`, so that only `finally` and `with` see it."""


class InterruptibleThread(threading.Thread):
    """A thread for work that has no question "shall I stop?" in its long steps: speech recognition of half a
    minute takes seconds. Locks and files held by `with` are released, child processes ended by `finally`.
    """

    def __init__(self, work: Callable[[], None], name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work

    def run(self) -> None:
        """Work until the end, or the interruption."""
        with suppress(Interrupted):
            self._work()

    def interrupt(self, after: float) -> None:
        """Give the thread `after` seconds to end by itself, then interrupt it; returns when it has ended."""
        self.join(after)
        while self.is_alive():
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self.ident or 0), ctypes.py_object(Interrupted)
            )
            self.join(AGAIN)
