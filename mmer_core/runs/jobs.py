"""Trainings that outlive whoever started them: each is a folder with its commands, how it stands, and what they said. State is in files only.

RUNS/.jobs/<id>/ holds job.json (title, commands and the runs they write; never changes), state.json (processes, step, how it ended) and log.
The commands are started one after the other by `job_runner`, a process in a session of its own: a closed page, a closed browser and a restart of
the app leave it alone. A process is known by its number and its start, so that a number that was given anew is never taken for it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from mmer_core.checkpoint import write_json
from mmer_core.config import ROOT
from mmer_core.runs.process_identity import alive

JOBS, RECORD, STATE, LOG, LOCK = ".jobs", "job.json", "state.json", "log", ".lock"
TAIL = 64 * 1024  # bytes of a log that are looked at
START_SECONDS = 30.0  # how long the runner may take to say that it lives; a busy machine needs a second
_ENCODED = re.compile(r"(\d+)/(\d+)  [\d.]+ a second")  # how `extract` says how far it is


class JobError(ValueError):
    """A training that cannot be started, stopped or read; the message is one sentence that says why."""


class Status(StrEnum):
    """How a training stands."""

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
        commands: what is started, one after the other; each begins with "python", which stands for the interpreter that runs the app.
        runs: folders, below the runs folder, that the commands write.
        created: UTC, ISO 8601.
        state: state.json when the job was read: processes ([{pid, started}], the runner first), attempt (1-based), step (index of the command),
            since (when it began, seconds since 1970), asked (to stop), ended (None, or {status, stopped}).
    """

    path: Path
    title: str
    commands: tuple[tuple[str, ...], ...]
    runs: tuple[str, ...]
    created: str
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
        """Why it failed or was interrupted, in one sentence: what the command said last. Empty for the other states."""
        if self.status not in (Status.FAILED, Status.INTERRUPTED):
            return ""
        lines = [line.strip() for line in self.tail.rpartition("\n$ ")[2].splitlines()[1:] if line.strip()]
        error = next((line.removeprefix("error: ") for line in reversed(lines) if line.startswith("error: ")), "")
        if error or self.status is Status.FAILED:
            return error or (lines[-1] if lines else "the command ended without a word")
        number = -int((self.state.get("ended") or {}).get("status", 0))
        how = f"it was killed by signal {number}, which a machine short of memory also does" if number else "killed, or the machine was switched off"
        return f"its process ended without saying why: {how}"

    @property
    def encoded(self) -> tuple[int, int] | None:
        """(clips done, clips) of the feature extraction, as far as it has said; None if it has said nothing."""
        found = _ENCODED.findall(self.tail.rpartition("\n$ ")[2])
        return (int(found[-1][0]), int(found[-1][1])) if found else None


def shown(command: Sequence[str]) -> str:
    """A command as a person types it."""
    return shlex.join(command)


def read(path: Path) -> Job:
    """One training.

    Raises:
        JobError: its record is missing or damaged.
    """
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
        state = json.loads((path / STATE).read_text(encoding="utf-8")) if (path / STATE).exists() else {}
        commands = tuple(tuple(map(str, command)) for command in record["commands"])
        return Job(path, str(record["title"]), commands, tuple(map(str, record["runs"])), str(record["created"]), dict(state))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise JobError(f"{path} is not the record of a training ({type(error).__name__}): delete this folder, its runs are kept") from error


def listed(runs: Path) -> tuple[list[Job], list[str]]:
    """Every training started into a folder of runs, newest first; and a sentence for each that cannot be read."""
    found, problems = [], []
    folder = runs / JOBS
    for path in sorted(folder.iterdir(), reverse=True) if folder.is_dir() else []:
        if not path.is_dir():
            continue
        try:
            found.append(read(path))
        except JobError as error:
            problems.append(str(error))
    return found, problems


def start(runs: Path, title: str, commands: Sequence[Sequence[str]], names: Sequence[str]) -> Job:
    """Start a training.

    Args:
        runs: the folder of runs.
        title: for people.
        commands: see `Job`.
        names: of the runs that the commands write, folders below `runs`.

    Raises:
        JobError: one of these runs is being trained already, or nothing can be written there.
    """
    try:
        (runs / JOBS).mkdir(parents=True, exist_ok=True)
        with _turn(runs):
            _check_free(runs, names)
            stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S}"
            path = next(p for n in range(1000) if not (p := runs / JOBS / f"{stamp}-{n:03}").exists())
            path.mkdir()
            try:
                created = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
                write_json(path / RECORD, {"title": title, "commands": [list(c) for c in commands], "runs": list(names), "created": created})
                return _launch(path)
            except (OSError, JobError):
                shutil.rmtree(path)  # it never began
                raise
    except OSError as error:
        raise JobError(f"the training cannot be started: nothing can be written to {runs} ({error.strerror or error})") from error


def resume(job: Job) -> Job:
    """Start the same commands again; they go on where they were.

    Raises:
        JobError: it runs, another training writes the same run, or nothing can be written there.
    """
    runs = job.path.parent.parent
    try:
        with _turn(runs):
            if read(job.path).status is Status.RUNNING:
                raise JobError(f"the training {job.title} is running already")
            _check_free(runs, job.runs)
            return _launch(job.path)
    except OSError as error:
        raise JobError(f"the training cannot go on: nothing can be written to {runs} ({error.strerror or error})") from error


def stop(job: Job) -> None:
    """Ask a training to end, as Ctrl-C does in a terminal; one that does not within `job_runner.GRACE` seconds is ended by the runner.

    What has been written stays, and `resume` goes on from there. Stopping one that has ended does nothing.
    """
    first, *others = read(job.path).state.get("processes", []) or [None]
    if first is not None and alive(first):
        os.kill(first["pid"], signal.SIGINT)
    elif any(alive(process) for process in others):  # the runner was killed; the number of its group is taken as long as one of it lives
        os.killpg(first["pid"], signal.SIGINT)


def remove(job: Job) -> None:
    """Forget a training that has ended: its folder goes, its runs stay.

    Raises:
        JobError: it is running.
    """
    if read(job.path).status is Status.RUNNING:
        raise JobError(f"the training {job.title} is running: stop it first")
    shutil.rmtree(job.path)


def _check_free(runs: Path, names: Sequence[str]) -> None:
    from mmer_core.runs.run import is_locked

    for other in listed(runs)[0]:
        taken = sorted(set(names) & set(other.runs))
        if taken and other.status is Status.RUNNING:
            raise JobError(f"the run {taken[0]} is being trained already: wait for it, stop it, or choose another name")
    for name in names:
        if is_locked(runs / name):
            raise JobError(f"another process is training into {runs / name}: wait for it or choose another name")


def _launch(path: Path) -> Job:
    """Start the runner and wait until it says that it lives."""
    with (path / LOG).open("ab") as log:
        command = [sys.executable, "-m", "mmer_core.runs.job_runner", str(path.resolve())]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True)
    threading.Thread(target=process.wait, daemon=True).start()  # so that nothing is left of it when it ends
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        job = read(path)
        if any(known["pid"] == process.pid for known in job.state.get("processes", [])):
            return job
        if process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()  # too slow to be waited for
    job = read(path)
    raise JobError(f"the training did not start: {job.tail.strip().splitlines()[-1] if job.tail.strip() else 'its process ended at once'}")


@contextmanager
def _turn(runs: Path) -> Iterator[None]:
    """One start at a time: two visitors cannot start the same run at once."""
    with (runs / JOBS / LOCK).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
