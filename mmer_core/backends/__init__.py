"""Where tasks run side by side: one registry, found by scanning this folder and the entry points
`mmer.backends`.

A backend makes executors as `concurrent.futures` knows them, so that what is computed is the same in
processes of this machine and on a cluster; it says what happens when a process or a node is lost in the
middle of a task.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass
from typing import Any, Protocol

from mmer_core.registry import Entry, Registry

__all__ = [
    "BACKENDS",
    "LOCAL",
    "Backend",
    "BackendEntry",
    "BackendUnavailable",
    "Ended",
    "backend",
    "jobs_on",
    "names",
]


LOCAL = "local"  # processes of this machine; the name that `backends.local` registers


class BackendUnavailable(ValueError):
    """A backend that cannot be used here; the message says what to do."""


class Ended(BrokenExecutor):
    """Whoever did this task was ended each time that it was tried; the executor goes on with other tasks."""


class Backend(Protocol):
    """Makes executors.

    Attributes:
        here: whether the tasks run on this machine, and so share its folders.
    """

    here: bool

    def executor(self, slots: int, start: Callable[..., None], arguments: tuple[Any, ...]) -> Executor:
        """Begin `slots` processes, each of which calls `start(*arguments)` once and then does one task after
        the other in one thread of the processor. All that is handed over can be pickled.

        A process that is lost either breaks the executor (`BrokenExecutor` from every task in hand), or costs
        nothing but the time: its task is done again by another, and one that is lost again and again raises
        `Ended`.

        Raises:
            BackendUnavailable: it cannot be used here.
        """

    def slots(self) -> int:
        """How many tasks it can do at a time, at most; raises like `executor`."""


@dataclass(frozen=True, kw_only=True)
class BackendEntry(Entry):
    """The facts of a backend; listing them loads none."""


BACKENDS: Registry[Backend, BackendEntry] = Registry(
    "backend", BackendEntry, package=__name__, group="mmer.backends"
)


def backend(name: str) -> Backend:
    """Return a backend by name.

    Raises:
        ValueError: it is not known; the message lists the known ones.
    """
    return BACKENDS.create(name)


def jobs_on(name: str, asked: int | None) -> int:
    """How many tasks a backend does at a time: as many as asked; by default one on this machine, and on a
    cluster one for each of its cores. Raises like `Backend.slots`.
    """
    return asked or (1 if name == LOCAL else backend(name).slots())


def names() -> tuple[str, ...]:
    """Names of all backends."""
    return BACKENDS.names()
