"""Memory that is free again, given back to the system."""

from __future__ import annotations

import ctypes
import mmap
import sys
from functools import cache
from typing import Any

import numpy as np

ARENAS, LARGE = -8, -3  # M_ARENA_MAX and M_MMAP_THRESHOLD of malloc.h
MOST_ARENAS = 2
LARGE_BYTES = 4 * 2**20


@cache
def _library() -> ctypes.CDLL | None:
    """GNU's C library; None where there is another."""
    if sys.platform != "linux":
        return None
    try:
        found = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    return found if hasattr(found, "malloc_trim") and hasattr(found, "mallopt") else None


def keep_little() -> None:
    """Let the C library keep less of what is freed, from now on: threads share two heaps, and what is large
    goes back at once. Otherwise each thread has a heap of its own, with holes as large as a piece of film: 70
    of 1,560 MB while the app reads a recording, for no gain in time.
    """
    library = _library()
    if library is not None:
        library.mallopt(ARENAS, MOST_ARENAS)
        library.mallopt(LARGE, LARGE_BYTES)


def give_back() -> None:
    """Give back what this process has freed. Networks need hundreds of MB for a moment, which the C library
    otherwise keeps: some 400 of 1,400 after a clip. Takes a few milliseconds.
    """
    library = _library()
    if library is not None:
        library.malloc_trim(0)


def leave_on_disk(array: np.ndarray | None) -> None:
    """Let an array that lies in a file leave memory until it is looked at again; others stay. Nothing may
    have been written to it.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
