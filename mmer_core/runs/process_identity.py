"""Which process is meant: its number alone does not say, since numbers are given again."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def started_at(pid: int) -> str | None:
    """When a process was started, as a text that no other process with its number has; None if there is none,
    or only its remains.
    """
    try:
        stat = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return None if stat[0] in "ZX" else f"{boot} {stat[19]}"
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    told = subprocess.run(  # nosec B607 # found as everywhere, by PATH, which is the user's own
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )  # macOS
    state, _, start = told.stdout.strip().partition(" ")
    return None if not start or state.startswith("Z") else start.strip()


def identity(pid: int) -> dict[str, Any]:
    """A process as a file names it: its number and its start."""
    return {"pid": pid, "started": started_at(pid)}


def alive(process: Mapping[str, Any]) -> bool:
    """Whether this very process runs; another one that was given its number does not count."""
    return process["started"] is not None and started_at(process["pid"]) == process["started"]
