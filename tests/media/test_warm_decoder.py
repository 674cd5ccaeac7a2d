"""The fork server: a process for each file without the start of an interpreter, whatever happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import media_factory as make
import numpy as np
import pytest

from mmer_core.media import decoding, warm_decoder
from mmer_core.media.decoder import fork_server
from mmer_core.media.loading import load_clip

pytestmark = pytest.mark.skipif(not warm_decoder.AVAILABLE, reason="this system forks no processes")

ODD = """
import os, sys, time

def main(arguments):
    what, *rest = arguments
    if what == "abort":
        os.abort()
    if what == "raise":
        raise RuntimeError("an odd file")
    if what == "sleep":
        time.sleep(60)
    if what == "tell":
        descriptors = sorted(map(int, os.listdir("/proc/self/fd")))[:-1]  # the last is that of the listing
        print(os.getcwd(), os.getsid(0) == os.getpid(), descriptors, file=sys.stderr)
    return int(rest[0]) if rest else 0
"""


@pytest.fixture
def decoder(tmp_path, monkeypatch):
    """A server of its own, whose children do what they are told to."""
    (tmp_path / "odd_module.py").write_text(ODD)
    code = (
        "import sys; from mmer_core.media.decoder import fork_server; "
        "fork_server.MODULES = (*fork_server.MODULES, 'odd_module'); fork_server.main(sys.argv[1:])"
    )
    monkeypatch.setattr(warm_decoder, "_SERVER", (sys.executable, "-c", code))
    environment = {**os.environ, "PYTHONPATH": f"{decoding.ROOT}{os.pathsep}{tmp_path}"}
    made = warm_decoder.WarmDecoder(lambda: environment)
    yield made
    made.close()


def run(decoder, folder, *arguments, seconds=30.0):
    with (folder / "source").open("w+b") as source, (folder / "errors").open("w+b") as errors:
        child = decoder.start("odd_module", arguments, source, errors, folder)
        try:
            status = child.wait(seconds)
        finally:
            child.close()
        errors.seek(0)
        return status, errors.read().decode(), child.pid


def gone(pid):
    """Whether a process ends within five seconds."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_the_status_of_a_child_is_told_and_the_next_file_has_another(decoder, tmp_path):
    status, errors, first = run(decoder, tmp_path, "", "7")
    assert (status, errors) == (7, "")
    status, errors, second = run(decoder, tmp_path, "raise")
    assert status == 1
    assert "RuntimeError: an odd file" in errors
    status, _, third = run(decoder, tmp_path, "abort")
    assert status == -signal.SIGABRT
    assert run(decoder, tmp_path, "", "0")[0] == 0
    assert len({first, second, third}) == 3


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system does not list descriptors")
def test_a_child_has_a_folder_and_a_session_and_no_other_descriptor(decoder, tmp_path):
    status, errors, _ = run(decoder, tmp_path, "tell")
    assert (status, errors.strip()) == (0, f"{tmp_path} True [0, 1, 2]")


def test_a_child_that_takes_too_long_is_ended(decoder, tmp_path):
    status, _, pid = run(decoder, tmp_path, "sleep", seconds=0.2)
    assert status is None
    assert gone(pid)


def test_a_server_that_was_ended_is_started_again(decoder, tmp_path):
    run(decoder, tmp_path, "")
    before = decoder._process
    before.kill()
    before.wait()
    assert run(decoder, tmp_path, "", "3")[0] == 3
    assert decoder._process is not before


def test_a_server_that_cannot_start_is_told(decoder, tmp_path, monkeypatch):
    monkeypatch.setattr(warm_decoder, "_SERVER", (sys.executable, "-c", "raise SystemExit(1)"))
    with pytest.raises(warm_decoder.ServerGone):
        run(decoder, tmp_path, "")


def test_without_a_server_files_are_decoded_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(warm_decoder, "_SERVER", (sys.executable, "-c", "raise SystemExit(1)"))
    monkeypatch.setattr(decoding, "_WARM", warm_decoder.WarmDecoder(decoding._environment))
    (tmp_path / "a.wav").write_bytes(make.wav_bytes(np.ones((1_600, 1), np.int16), 16_000))
    assert load_clip(tmp_path / "a.wav").duration == pytest.approx(0.1)


def test_the_server_ends_with_its_parent(tmp_path):
    (tmp_path / "a.wav").write_bytes(make.wav_bytes(np.ones((1_600, 1), np.int16), 16_000))
    code = (
        "import os, sys; from mmer_core import load_clip; from mmer_core.media import decoding; "
        "load_clip(sys.argv[1]); print(decoding._WARM._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.wav")], capture_output=True, text=True, check=False
    )
    assert found.returncode == -signal.SIGKILL
    assert gone(int(found.stdout))


def test_the_modules_that_are_served_exist_and_answer_to_main():
    for name in fork_server.MODULES:
        assert callable(__import__(name, fromlist=["main"]).main)
