"""Running the decoding process on one untrusted file (see `decoder`)."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from mmer_core.config import ROOT, Limits
from mmer_core.media.decoder.fork_server import MODULES
from mmer_core.media.warm_decoder import AVAILABLE, Child, ServerGone, WarmDecoder

COMMAND = (sys.executable, "-m", "mmer_core.media.decoder.__main__")
ASKED_EVERY = 0.25  # seconds between two questions whether a process is to stop
log = logging.getLogger(__name__)


def run(
    source: BinaryIO,
    path: Path,
    outputs: tuple[Path, Path, Path],
    limits: Limits,
    *,
    start: float | None = None,
    track: int = 0,
    digest: str = "",
) -> tuple[int | None, str]:
    """Decode in a child process; meanwhile compute the digest.

    Args:
        source: the open file, handed to the child.
        path: of the same file.
        outputs: files that the child writes: frames, sound and report.
        limits: bounds on its cost.
        start: seconds from which on a piece of a long file is decoded; None: the file from its first moment.
        track: the sound track of a piece, from 1; 0: the first in which something is heard.
        digest: sha256 of the file where it is known; it is not computed then.

    Returns:
        The child's exit status, None if its time ran out, and the sha256 of the file; of a piece "", since
        the whole file would be read for it.
    """
    command = [*COMMAND, json.dumps(limits.to_json()), *map(str, outputs)]
    command += [] if start is None else [repr(start), str(track)]
    found = digest

    def compute_digest() -> None:
        nonlocal found
        if start is None and not digest:
            with path.open("rb") as again:  # not `source`, whose position the child shares
                found = hashlib.file_digest(again, "sha256").hexdigest()

    status = run_limited(command, source, outputs[0].parent, limits, meanwhile=compute_digest)
    return status, found


def run_limited(
    command: Sequence[str],
    source: BinaryIO,
    folder: Path,
    limits: Limits,
    *,
    meanwhile: Callable[[], None] = lambda: None,
    stop: Callable[[], bool] | None = None,
) -> int | None:
    """Run a child process that reads an untrusted file from standard input.

    Args:
        command: it takes `limits` on itself; here only the clock is kept.
        source: the open file, handed to the child.
        folder: private, in which the child works.
        limits: bounds on its cost.
        meanwhile: called once while it runs.
        stop: asked again and again while it runs; true ends it.

    Returns:
        The exit status; None if its time ran out, or it was stopped.
    """
    end = time.monotonic() + limits.wall_seconds
    with (folder / "errors").open("w+b") as errors:
        child = _forked(command, source, errors, folder) or _started(command, source, errors, folder)
        try:
            meanwhile()
            status = _status(child, end, stop)
        finally:
            child.close()
        if status != 0:
            errors.seek(0)
            log.info(
                "decoding ended with status %s: %s",
                status,
                errors.read(4000).decode(errors="replace").strip() or "no message",
            )
    return status


def _environment() -> dict[str, str]:
    """Of a child: our own code, one thread, and one heap, since the decoder's threads would keep one each."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX"), "1")
    return kept | one | {"PYTHONPATH": str(ROOT)}


_WARM = WarmDecoder(_environment)


def _forked(command: Sequence[str], source: BinaryIO, errors: BinaryIO, folder: Path) -> Child | None:
    """A child of the fork server; None where there is none, or the command is another."""
    if not (AVAILABLE and tuple(command[:2]) == COMMAND[:2] == (sys.executable, "-m")):
        return None
    module, *arguments = command[2:]
    if module not in MODULES:
        return None
    try:
        return _WARM.start(module, arguments, source, errors, folder)
    except ServerGone as error:
        log.warning("a file is decoded without the fork server: %s", error)
        return None


class _Process:
    """A child with an interpreter of its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def wait(self, seconds: float) -> int | None:
        """The exit status; None if the child still runs after these seconds."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """End the child, if it still runs."""
        _end(self._process)


def _started(command: Sequence[str], source: BinaryIO, errors: BinaryIO, folder: Path) -> _Process:
    return _Process(
        subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
        )
    )


def _status(child: Child | _Process, end: float, stop: Callable[[], bool] | None) -> int | None:
    """The exit status; None if the child still runs at `end`, on the monotonic clock, or is to stop."""
    while (left := end - time.monotonic()) > ASKED_EVERY:  # a wait in one piece could not be interrupted
        status = child.wait(ASKED_EVERY)
        if status is not None or (stop is not None and stop()):
            return status
    return child.wait(max(left, 0.0))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started, if it still runs."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
