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
from pathlib import Path
from typing import BinaryIO

from mmer_core.config import ROOT, Limits

COMMAND = (sys.executable, "-m", "mmer_core.media.decoder")
log = logging.getLogger(__name__)


def run(
    source: BinaryIO,
    path: Path,
    outputs: tuple[Path, Path, Path],
    limits: Limits,
    *,
    start: float | None = None,
    track: int = 0,
) -> tuple[int | None, str]:
    """Decode in a child process; meanwhile compute the digest.

    Args:
        source: the open file, handed to the child.
        path: of the same file.
        outputs: files that the child writes: frames, sound and report.
        limits: bounds on its cost.
        start: seconds from which on a piece of a long file is decoded; None: the file from its first moment.
        track: the sound track of a piece, from 1; 0: the first in which something is heard.

    Returns:
        The child's exit status, None if its time ran out, and the sha256 of the file; of a piece "", since
        the whole file would be read for it.
    """
    command = [*COMMAND, json.dumps(limits.to_json()), *map(str, outputs)]
    command += [] if start is None else [repr(start), str(track)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    environment |= {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    end = time.monotonic() + limits.wall_seconds
    with (outputs[0].parent / "errors").open("w+b") as errors:
        process = subprocess.Popen(
            command,
            stdin=source,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            cwd=outputs[0].parent,
            env=environment,
            start_new_session=True,
        )
        try:
            digest = ""
            if start is None:
                with path.open("rb") as again:  # not `source`, whose position the child shares
                    digest = hashlib.file_digest(again, "sha256").hexdigest()
            status: int | None = process.wait(max(end - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            status = None
        finally:
            _end(process)
        if status != 0:
            errors.seek(0)
            log.info(
                "decoding ended with status %s: %s",
                status,
                errors.read(4000).decode(errors="replace").strip() or "no message",
            )
    return status, digest


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started, if it still runs."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
