"""What every measured process does: answer once, answer again, write down how long it took.

It runs in the environments of other tools as well, and so imports nothing but the standard library.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

#: Answers once. It may return {"steps": {name: seconds}, "detail": words}.
Work = Callable[[], Mapping[str, Any]]


def job() -> dict[str, Any]:
    """What this process is asked for, see `children.Job`."""
    return dict(json.loads(sys.argv[1]))


def measure(
    prepare: Callable[[dict[str, Any]], Work], packages: Sequence[str], *, bare: bool = False
) -> None:
    """Answer once for the cold start, counted from the start of the process, and then `repeat` times.

    Args:
        prepare: loads a tool; gets the inputs of the job.
        packages: whose versions are stated.
        bare: what is loaded before is more than what is measured, so that the cold start means nothing.
    """
    asked = job()
    work = prepare(asked["inputs"])
    said = [work()]
    cold = time.time() - asked["began"]
    warm = []
    for _ in range(asked["repeat"]):
        began = time.perf_counter()
        said.append(work())
        warm.append(time.perf_counter() - began)
    finish(asked, None if bare else cold, warm, packages, said)


def finish(
    asked: Mapping[str, Any],
    cold: float | None,
    warm: Sequence[float],
    packages: Sequence[str],
    said: Sequence[Mapping[str, Any]],
) -> None:
    """Write the result file.

    Args:
        asked: the job.
        cold: seconds from the start of the process to the first answer.
        warm: seconds of each further answer.
        packages: whose versions are stated.
        said: what the answers returned; the first one was the cold one.
    """
    again = list(said[1:] or said)
    steps = {name: [one["steps"][name] for one in again] for name in again[0].get("steps", {})}
    versions = {"Python": platform.python_version()} | {name: version_of(name) for name in packages}
    result = {
        "cold": cold,
        "warm": list(warm),
        "memory": own_peak(),
        "versions": versions,
        "steps": steps,
        "detail": again[-1].get("detail", ""),
    }
    Path(asked["out"]).write_text(json.dumps(result), encoding="utf-8")


def version_of(package: str) -> str:
    """The installed version of a package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"


def own_peak() -> int:
    """The most memory that this process had at once, bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
