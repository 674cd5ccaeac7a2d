"""Trainings that outlive whoever started them: each is a folder with its commands, its state and their
output. State is in files only.

RUNS/.jobs/<id>/ holds job.json (title, commands, the request and the runs they write; never changes),
state.json (processes, step, how it ended and the sentence of a failure), progress.json (of the feature
extraction; a run in training has its own) and log, which is there for people and never parsed. The commands
are started one after the other by `job_runner`, a process in a session of its own: a closed page, a closed
browser and a restart of the app leave it alone. A process is known by its number and its start, so that a
number that was given anew is never taken for it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mmer_core.config import working_folder
from mmer_core.json_files import write_json
from mmer_core.runs.job import (
    JOBS,
    LOCK,
    LOG,
    PROGRESS,
    PROGRESS_FILE,
    RECORD,
    Job,
    JobError,
    Status,
    read,
    shown,
)
from mmer_core.runs.process_identity import alive

__all__ = [
    "PROGRESS_FILE",
    "Job",
    "JobError",
    "Status",
    "listed",
    "read",
    "remove",
    "resume",
    "shown",
    "start",
    "stop",
]

START_SECONDS = 30.0  # how long the runner may take to say that it lives; a busy machine needs a second


def listed(runs: Path) -> tuple[list[Job], list[str]]:
    """Every training started into a folder of runs, newest first; and a sentence for each that cannot be
    read.
    """
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


def start(
    runs: Path,
    title: str,
    commands: Sequence[Sequence[str]],
    names: Sequence[str],
    request: Mapping[str, Any] | None = None,
) -> Job:
    """Start a training.

    Args:
        runs: the folder of runs.
        title: for people.
        commands: see `Job`; the argument `PROGRESS_FILE` becomes the path of the job's progress.json.
        names: of the runs that the commands write, folders below `runs`.
        request: the training request that the commands were made from, as JSON.

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
                progress = str((path / PROGRESS).resolve())
                write_json(
                    path / RECORD,
                    {
                        "title": title,
                        "commands": [
                            [progress if part == PROGRESS_FILE else part for part in c] for c in commands
                        ],
                        "request": dict(request or {}),
                        "runs": list(names),
                        "created": created,
                    },
                )
                return _launch(path)
            except (OSError, JobError):
                shutil.rmtree(path)  # it never began
                raise
    except OSError as error:
        raise JobError(
            f"the training cannot be started: nothing can be written to {runs} ({error.strerror or error})"
        ) from error


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
        raise JobError(
            f"the training cannot go on: nothing can be written to {runs} ({error.strerror or error})"
        ) from error


def stop(job: Job) -> None:
    """Ask a training to end, as Ctrl-C does in a terminal; one that does not within `job_runner.GRACE`
    seconds is ended by the runner.

    What has been written stays, and `resume` goes on from there. Stopping one that has ended does nothing.
    """
    first, *others = read(job.path).state.get("processes", []) or [None]
    if first is not None and alive(first):
        os.kill(first["pid"], signal.SIGINT)
    elif any(
        alive(process) for process in others
    ):  # the runner was killed; the number of its group is taken as long as one of it lives
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
            raise JobError(
                f"the run {taken[0]} is being trained already: wait for it, stop it, or choose another name"
            )
    for name in names:
        if is_locked(runs / name):
            raise JobError(
                f"another process is training into {runs / name}: wait for it or choose another name"
            )


def _launch(path: Path) -> Job:
    """Start the runner and wait until it says that it lives."""
    working_folder().mkdir(parents=True, exist_ok=True)
    with (path / LOG).open("ab") as log:
        command = [sys.executable, "-m", "mmer_core.runs.job_runner", str(path.resolve())]
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=working_folder(),
            start_new_session=True,
        )
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
    raise JobError(
        "the training did not start: "
        f"{job.tail.strip().splitlines()[-1] if job.tail.strip() else 'its process ended at once'}"
    )


@contextmanager
def _turn(runs: Path) -> Iterator[None]:
    """One start at a time: two visitors cannot start the same run at once."""
    with (runs / JOBS / LOCK).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
