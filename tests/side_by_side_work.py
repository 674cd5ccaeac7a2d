"""Cheap work for processes and nodes: importable by name there, which a test module is not."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmer_core.batch.processes import Task

_state: dict[str, Any] = {}


def begin(log: Path | None = None) -> None:
    """Note the start of a process, in a file for each."""
    _state["begun"] = _state.get("begun", 0) + 1
    if log is not None:
        (log / str(os.getpid())).touch()


def square(x: int) -> int:
    return x * x


def threads_and_starts(seconds: float) -> tuple[str, int]:
    time.sleep(seconds)
    return os.environ["OMP_NUM_THREADS"], _state["begun"]


def refuse(message: str) -> None:
    raise ValueError(message)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fail_to_begin() -> None:
    raise RuntimeError("no room for the model")


@dataclass(frozen=True)
class Slow:
    """A reading whose reader waits and tells who it was; a file named deadly ends its process."""

    folder: Path
    log: Path
    seconds: float = 0.05

    def reader(self) -> SlowReader:
        return SlowReader(self)

    def columns(self, labels: Sequence[str], modalities: Sequence[Any]) -> Sequence[str]:
        return ("path", "label", "words", "reason")

    def about(self) -> Mapping[str, Any]:
        return {"rows": "slow"}


class SlowReader:
    def __init__(self, reading: Slow) -> None:
        self._reading = reading

    def rows(self, task: Task) -> list[dict[str, Any]]:
        path = Path(task.given.path)
        if "deadly" in path.name:
            die()
        time.sleep(self._reading.seconds)
        words = path.read_text(encoding="utf-8")
        with (self._reading.log / f"{os.getpid()}").open("a", encoding="utf-8") as file:
            file.write(f"{task.given.path}\n")
        return [{"path": task.given.path, "label": "joy", "words": words}]


def die_of(*_: Any) -> None:
    die()
