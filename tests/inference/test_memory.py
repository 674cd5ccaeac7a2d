"""What a process has freed goes back to the system."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmer_core.inference import memory

CODE = """
import numpy as np
from mmer_core.inference.memory import give_back

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

kept = [np.ones(10_000) for _ in range(3_000)]  # 240 MB in parts that the library keeps when they are freed
last = np.ones(10_000)
del kept
before = resident()
give_back()
print(before - resident())
"""


HOLES = """
import numpy as np
from mmer_core.inference.memory import keep_little

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

keep_little()
for _ in range(2):  # when such a block is freed the first time, the library learns to keep the next ones
    large, small = [], []
    for _ in range(20):
        large.append(np.ones(1_000_000))
        small.append(np.ones(10_000))
    before = resident()
    del large
    freed = before - resident()
    del small
print(freed)
"""

HEAPS = """
import ctypes, threading
from mmer_core.inference.memory import keep_little

libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype = libc.fflush.argtypes = None
keep_little()
together = threading.Barrier(8)

def allocate():
    together.wait(10)
    for _ in range(100):
        libc.malloc(10_000)
    together.wait(10)

threads = [threading.Thread(target=allocate) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


@pytest.mark.skipif(memory._library() is None, reason="the C library of this system gives back by itself")
def test_freed_memory_is_given_back():
    found = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    assert int(found.stdout) > 100 * 2**20


@pytest.mark.skipif(memory._library() is None, reason="the C library of this system has no such options")
def test_large_blocks_go_back_at_once_and_threads_share_heaps():
    found = subprocess.run([sys.executable, "-c", HOLES], check=True, capture_output=True, text=True)
    assert int(found.stdout) > 100 * 2**20
    found = subprocess.run([sys.executable, "-c", HEAPS], check=True, capture_output=True, text=True)
    assert found.stdout.count("<heap ") <= memory.MOST_ARENAS


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory, "_library", lambda: None)
    memory.give_back()
    memory.keep_little()


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="this system has no such advice")
def test_an_array_in_a_file_leaves_memory_and_is_the_same_afterwards(tmp_path):
    path = tmp_path / "frames"
    np.arange(2**20, dtype=np.uint32).tofile(path)
    frames = np.asarray(np.memmap(path, np.uint8, "c")).reshape(4, -1)
    path.unlink()
    before = frames.sum()
    assert resident(frames) == frames.nbytes
    memory.leave_on_disk(frames[1:3])
    assert resident(frames) == 0
    assert frames.sum() == before
    ordinary = np.ones(1000)
    memory.leave_on_disk(ordinary)
    memory.leave_on_disk(None)
    assert ordinary.sum() == 1000


def resident(array: np.ndarray) -> int:
    """Bytes of an array's mapping that are in the memory of this process."""
    address, found = f"{array.ctypes.data:x}-", 0
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    for line in lines:
        if line.startswith(address):
            found = next(int(row.split()[1]) * 1024 for row in lines if row.startswith("Rss:"))
    return found
