"""One private temporary folder for all that a process writes for a while, so that nothing of it stays: it
goes with the process, or, where that was killed, when the next one starts.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from multiprocessing.util import Finalize
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: folders are removed at a good end only, as none can be told to be abandoned
    fcntl = None  # type: ignore[assignment]

PREFIX = "mmer-process-"
_own: dict[int, Path] = {}  # by process: one that was forked from this one has none yet
_outside: list[Path] = []  # where temporary files lay before


def work_in_private_folder() -> Path:
    """From now on `tempfile` of this process works in a new folder (0700), which is removed when the process
    ends in any good order. What killed processes left is removed now. A second call changes nothing.

    Returns:
        The folder.

    Raises:
        OSError: the temporary folder cannot be used.
    """
    if os.getpid() in _own:
        return _own[os.getpid()]
    below = outside()
    remove_abandoned(below)
    folder = _new(below)
    _own[os.getpid()] = folder
    _outside[:] = [below]
    tempfile.tempdir = str(folder)
    # processes of multiprocessing end without what is registered with atexit; this covers both
    Finalize(None, _end, args=(os.getpid(), folder), exitpriority=0)
    return folder


def outside() -> Path:
    """The temporary folder of the machine, for what another process goes on with."""
    return _outside[0] if _outside else Path(tempfile.gettempdir())


def remove_abandoned(below: Path) -> None:
    """Remove the private folders of this user whose process is gone; one that cannot be removed stays.

    A process holds a lock on its folder, which the system lifts however the process ends, and which counts
    for processes in other containers, too.
    """
    for folder in below.glob(f"{PREFIX}*") if fcntl else ():
        with contextlib.suppress(OSError), _opened(folder) as descriptor:
            if os.fstat(descriptor).st_uid == os.getuid():
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where somebody has it
                shutil.rmtree(folder, ignore_errors=True)


def _new(below: Path) -> Path:
    """A folder that this process holds the lock of, as long as it lives."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=below))
        if not fcntl:
            return folder
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if folder.exists():  # nobody took it for abandoned before it was locked
            return folder
        os.close(descriptor)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _end(process: int, folder: Path) -> None:
    if os.getpid() == process:  # not a child that inherited the farewell
        shutil.rmtree(folder, ignore_errors=True)
