"""One training that outlives whoever started it, as its folder on disk says (see `jobs`)."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from mmer_core.json_files import object_in, read_json
from mmer_core.runs.process_identity import alive

JOBS, RECORD, STATE, LOG, LOCK = ".jobs", "job.json", "state.json", "log", ".lock"
PROGRESS = "progress.json"
#: In a command: the job's progress.json, whose folder is not known before the job is started.
PROGRESS_FILE = "{progress}"
TAIL = 64 * 1024  # bytes at the end of a log that are shown


class JobError(ValueError):
    """A training that cannot be started, stopped or read; the message is one sentence that says why."""


class Status(StrEnum):
    """State of a training."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Job:
    """One training.

    Attributes:
        path: its folder.
        title: for people.
        commands: what is started, one after the other; each begins with "python", which stands for the
            interpreter that runs the app.
        runs: folders, below the runs folder, that the commands write.
        created: UTC, ISO 8601.
        request: the training request as JSON; {} where the commands do not come from one.
        state: state.json when the job was read: processes ([{pid, started}], the runner first), attempt
            (1-based), step (index of the command), since (when it began, seconds since 1970), asked (to
            stop), ended (None, or {status, stopped, error}; error is the sentence of the command that failed,
            or null).
    """

    path: Path
    title: str
    commands: tuple[tuple[str, ...], ...]
    runs: tuple[str, ...]
    created: str
    request: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def step(self) -> int:
        """Index of the command that runs, or ran last."""
        return min(int(self.state.get("step", 0)), len(self.commands) - 1)

    @cached_property
    def status(self) -> Status:
        if any(alive(process) for process in self.state.get("processes", [])):
            return Status.RUNNING
        ended = self.state.get("ended")
        if not isinstance(ended, dict):
            return Status.INTERRUPTED  # switched off, killed, or out of memory: nobody was left to say so
        if ended["status"] == 0:
            return Status.FINISHED
        if ended["stopped"]:
            return Status.STOPPED
        return Status.INTERRUPTED if ended["status"] < 0 else Status.FAILED

    @cached_property
    def tail(self) -> str:
        """The end of the log."""
        try:
            with (self.path / LOG).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    @property
    def reason(self) -> str:
        """Why it failed or was interrupted, in one sentence; empty for the other states."""
        if self.status not in (Status.FAILED, Status.INTERRUPTED):
            return ""
        ended = self.state.get("ended") or {}
        if ended.get("error"):
            return str(ended["error"])
        if self.status is Status.FAILED:
            return (
                f"the command ended with status {ended.get('status')} and gave no reason: look at its output"
            )
        number = -int(ended.get("status", 0))
        how = (
            f"it was killed by signal {number}, which a machine short of memory also does"
            if number
            else "killed, or the machine was switched off"
        )
        return f"its process ended without saying why: {how}"

    @property
    def progress(self) -> dict[str, Any]:
        """progress.json of the feature extraction, {"step", "done", "total"}; {} before there is one."""
        return object_in(self.path / PROGRESS)

    @property
    def encoded(self) -> tuple[int, int] | None:
        """(clips done, clips) of the feature extraction; None before it has begun."""
        found = self.progress
        return (int(found["done"]), int(found["total"])) if {"done", "total"} <= set(found) else None


def shown(command: Sequence[str]) -> str:
    """A command as a line for a terminal."""
    return shlex.join(command)


def read(path: Path) -> Job:
    """One training.

    Raises:
        JobError: its record is missing or damaged.
    """
    try:
        record = read_json(path / RECORD)
        state = read_json(path / STATE) if (path / STATE).exists() else {}
        commands = tuple(tuple(map(str, command)) for command in record["commands"])
        return Job(
            path,
            str(record["title"]),
            commands,
            tuple(map(str, record["runs"])),
            str(record["created"]),
            dict(record.get("request") or {}),
            dict(state),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobError(
            f"{path} is not the record of a training ({type(error).__name__}): delete this folder, "
            "its runs are kept"
        ) from error
