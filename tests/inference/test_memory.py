"""What a process has freed goes back to the system."""

from __future__ import annotations

import subprocess
import sys

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


@pytest.mark.skipif(memory._trim() is None, reason="the C library of this system gives back by itself")
def test_freed_memory_is_given_back():
    found = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    assert int(found.stdout) > 100 * 2**20


def test_another_c_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory, "_trim", lambda: None)
    memory.give_back()
