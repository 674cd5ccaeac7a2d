"""What every process does that reads an untrusted file: import what it needs, then give up every right that
it does not need, and report in lines that outlive it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import pkgutil
import sys
from importlib import import_module
from typing import IO, Any

from mmer_core.clip import SAMPLE_RATE
from mmer_core.config import Limits
from mmer_core.media.decoder import DISK_FULL, sandbox
from mmer_core.media.decoder.budget import most_bytes

try:
    import resource
except ImportError:  # not a POSIX system: there the parent's clock is the only limit
    resource = None  # type: ignore[assignment]


class Report:
    """Writes one event a line, each at once."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def say(self, event: str, **facts: Any) -> None:
        """Write one event."""
        self._file.write(json.dumps({"event": event, **facts}) + "\n")
        self._file.flush()


def restrict(limits: Limits) -> None:
    """Take the limits on. From here on this process can open nothing more: no file, no socket. On Linux it
    cannot start a program, change a file's name or signal another process either, see `sandbox`.
    """
    if resource is None:
        return
    sandbox.close_files()
    written = most_bytes(limits) + int(limits.max_seconds * SAMPLE_RATE) * 4 + 2**20
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # already lower, or unknown to this system
            resource.setrlimit(what, (most, most))
    sandbox.close_calls()


def full_disk(error: OSError) -> int:
    """The exit status where an output could not be written, told on stderr; any other error is raised."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise error
    print(error, file=sys.stderr)
    return DISK_FULL


def get_ready(kind: str) -> None:
    """Import what `decode` needs for this `picture_kind`: when the limits hold it is too late."""
    if not kind:
        import av

        from mmer_core.media.decoder import piece, recording, riff  # noqa: F401

        for module in pkgutil.walk_packages(
            av.__path__, "av."
        ):  # PyAV imports some of its parts on first use
            if not module.name.endswith(("__main__", "datasets")):
                import_module(module.name)
        return
    from mmer_core.media.decoder import stills

    if kind == "heif":
        stills.register_heif()
