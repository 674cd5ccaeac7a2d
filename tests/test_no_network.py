"""No test, and nothing that a test starts, reaches another machine; and these tests would notice."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ELSEWHERE = "1.1.1.1"
# not imported from conftest: a second import of it would note attempts where nobody looks
ATTEMPTS = Path(os.environ["MMER_TESTS_ATTEMPTS"])


def attempts() -> str:
    told = ATTEMPTS.read_text(encoding="utf-8")
    ATTEMPTS.unlink()  # it was meant
    return told


def test_another_machine_is_not_reached():
    with socket.socket() as one, pytest.raises(OSError, match="no network in tests"):
        one.connect((ELSEWHERE, 443))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, pytest.raises(OSError, match="no network"):
        one.sendto(b"x", (ELSEWHERE, 53))
    with pytest.raises(OSError, match="no network"):
        socket.create_connection(("example.org", 80))
    told = attempts()
    assert told.count(f"{ELSEWHERE} was asked for") == 2
    assert told.count("example.org was asked for") == 1


def test_neither_is_it_from_a_process_that_a_test_starts():
    code = f"import socket; socket.create_connection(('{ELSEWHERE}', 80))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "no network in tests" in run.stderr
    assert ELSEWHERE in attempts()


def test_this_machine_is():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with socket.create_connection(server.getsockname()):
            pass
    assert not ATTEMPTS.exists()


@pytest.mark.parametrize("name", ["ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY"])
def test_libraries_report_nothing(name):
    assert os.environ[name] == "1" if "mmer_core" in sys.modules else __import__("mmer_core")
    assert os.environ[name] == "1"
