"""Every tool is measured in a process of its own, with the same number of threads."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.compared.environments import ROOT, reason

LOOK = 0.1  # seconds between two looks at the memory
PATIENCE = 120.0  # seconds after which a tool is given up


@dataclass(frozen=True)
class Measured:
    """What one tool took for one task.

    Attributes:
        cold: seconds from the start of its process to the first answer; None where that says nothing.
        warm: seconds of further answers.
        memory: the most that the process and those that it started held at once, bytes.
        versions: of Python and of its packages.
        steps: {name: seconds of each further answer}.
        detail: what it answered, in a few words.
        failure: why there is nothing else; "" if there is.
    """

    cold: float | None = None
    warm: tuple[float, ...] = ()
    memory: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    steps: Mapping[str, Sequence[float]] = field(default_factory=dict)
    detail: str = ""
    failure: str = ""

    @property
    def seconds(self) -> float | None:
        """Median of the warm answers; of none, None."""
        return statistics.median(self.warm) if self.warm else None

    def spent(self) -> dict[str, float]:
        """Median seconds of each step."""
        return {name: statistics.median(values) for name, values in self.steps.items() if values}


def run(python: Path | str, module: str, inputs: Mapping[str, Any], *, repeat: int, threads: int) -> Measured:
    """Run `benchmarks.compared.<module>` in an interpreter and read what it measured.

    Args:
        python: of the tool's environment.
        module: see above.
        inputs: what the module wants, as JSON.
        repeat: answers after the first.
        threads: OMP_NUM_THREADS of the process.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, errors = Path(folder) / "result.json", Path(folder) / "errors.txt"
        asked = {"inputs": inputs, "repeat": repeat, "out": str(out), "began": time.time()}
        with errors.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                [str(python), "-m", f"benchmarks.compared.{module}", json.dumps(asked)],
                cwd=ROOT,
                env=_environment(threads),
                stdout=subprocess.DEVNULL,
                stderr=stream,
            )
            peak, over = _watch(process)
        if over:
            return Measured(failure=f"it had not ended after {PATIENCE:.0f} s")
        if process.returncode or not out.exists():
            said = reason(errors.read_text(encoding="utf-8", errors="replace"))
            return Measured(failure=said or f"it ended with status {process.returncode}")
        result = json.loads(out.read_text(encoding="utf-8"))
    return Measured(**{**result, "warm": tuple(result["warm"]), "memory": max(peak, result["memory"])})


def _environment(threads: int) -> dict[str, str]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore", "CUDA_VISIBLE_DEVICES": ""}
    return {**os.environ, **quiet, **dict.fromkeys(names, str(threads))}


def _watch(process: subprocess.Popen[bytes]) -> tuple[int, bool]:
    """The most memory that a process and those below it held at once, bytes, and whether it was ended for
    taking too long.
    """
    peak, began = 0, time.monotonic()
    while process.poll() is None:
        peak = max(peak, held(process.pid))
        if time.monotonic() - began > PATIENCE:
            process.kill()
            process.wait()
            return peak, True
        time.sleep(LOOK)
    return peak, False


def held(pid: int) -> int:
    """Bytes in memory of a process and of those below it, as far as they share no files with others; 0 where
    the system has no /proc.
    """
    try:
        _, resident, shared = (Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split())[:3]
        tasks = Path(f"/proc/{pid}/task").glob("*/children")
        below = [child for task in tasks for child in task.read_text(encoding="ascii").split()]
    except (OSError, ValueError):  # it has ended, or this is not Linux
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") + sum(
        held(int(child)) for child in below
    )
