"""`python -m mmer_core.runs.job_runner FOLDER`: start the commands of one training, one after the other, and
record how they end (see `jobs`).
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from mmer_core.config import working_folder
from mmer_core.json_files import write_json
from mmer_core.runs import error_file
from mmer_core.runs.job import PROGRESS, STATE, Job, read, shown
from mmer_core.runs.process_identity import identity

# seconds to end after Ctrl-C: an epoch and the writing of run.json; then the command is told to end, and
# after as many again it is ended
GRACE = 30.0
_POLL = 0.2  # seconds between two questions whether the command has ended
STOPPED = 130  # exit status of a command that was interrupted
log = logging.getLogger(__name__)


class Runner:
    """Runs the commands of a job and notes whether it was asked to stop.

    Args:
        job: what to run.
        grace: seconds that a command has to end after it was asked to.
    """

    def __init__(self, job: Job, grace: float = GRACE) -> None:
        self._job, self._grace = job, grace
        self._error = job.path / "error"  # where a command leaves the sentence of its failure
        self._asked: float | None = None  # when it was asked to stop
        self._state: dict[str, Any] = {
            "processes": [identity(os.getpid())],
            "attempt": int(job.state.get("attempt", 0)) + 1,
            "step": 0,
            "since": time.time(),
            "ended": None,
        }

    def run(self) -> int:
        """The exit status of the first command that fails, else 0."""
        for number in (
            signal.SIGINT,
            signal.SIGTERM,
        ):  # a handler, even where they were ignored: commands then start with both at their default
            signal.signal(number, self._ask)
        write_json(
            self._job.path / STATE, self._state
        )  # a full disk ends it here, before anything is started
        for left in (self._error, self._job.path / PROGRESS):
            left.unlink(missing_ok=True)  # of the attempt before
        done = 0
        status = 0
        while not status and self._asked is None and done < len(self._job.commands):
            status = self._run(done, self._job.commands[done])
            done += status == 0
        if not status and done < len(self._job.commands):
            status = STOPPED  # asked between two commands
        error = error_file.take(self._error) if status else None
        self._tell({"ended": {"status": status, "stopped": self._asked is not None, "error": error}})
        return status

    def _ask(self, number: int, frame: object) -> None:
        if self._asked is None:
            self._asked = time.monotonic()

    def _run(self, step: int, command: tuple[str, ...]) -> int:
        print(f"\n$ {shown(command)}", flush=True)
        program = [sys.executable, "-u", *command[1:]] if command[0] == "python" else list(command)
        child = subprocess.Popen(
            program,
            stdin=subprocess.DEVNULL,
            cwd=working_folder(),
            env={**os.environ, error_file.VARIABLE: str(self._error.resolve())},
        )
        self._tell(
            {
                "processes": [self._state["processes"][0], identity(child.pid)],
                "step": step,
                "since": time.time(),
            }
        )
        escalation = [self._interrupt, child.terminate, child.kill]
        while True:
            try:
                return child.wait(timeout=_POLL)
            except subprocess.TimeoutExpired:
                if (
                    self._asked is not None
                    and escalation
                    and time.monotonic() >= self._asked + (3 - len(escalation)) * self._grace
                ):
                    escalation.pop(0)()
                    self._tell({"asked": True})

    def _interrupt(self) -> None:
        """Ctrl-C for everyone in the session, as a terminal gives it: the command and its own processes; here
        it does nothing more.
        """
        os.killpg(os.getpgrp(), signal.SIGINT)

    def _tell(self, change: dict[str, Any]) -> None:
        self._state |= change
        try:
            write_json(self._job.path / STATE, self._state)
        # a full disk: the command goes on or ends by itself, and a training whose end is not recorded counts
        # as interrupted
        except OSError as error:
            log.warning("the state of the training could not be written: %s", error)


if __name__ == "__main__":
    sys.exit(Runner(read(Path(sys.argv[1]))).run())
