"""The browser of these tests."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.browser


@pytest.mark.skipif(sys.platform != "linux", reason="real-time priority is Linux's")
def test_it_cannot_take_the_processors_from_the_app(browser):
    code = "import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "PermissionError" in run.stderr
