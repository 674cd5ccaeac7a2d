"""What a process writes for a while goes with it, however it ends, and nobody else's goes with that."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mmer_core.media.private_folder import PREFIX, remove_abandoned

WORK = """
import tempfile
from mmer_core.media.private_folder import work_in_private_folder
folder = work_in_private_folder()
assert work_in_private_folder() == folder
with open(tempfile.mkdtemp(prefix="mmer-") + "/recording", "wb") as file:
    file.write(b"somebody's words")
print(folder, flush=True)
"""


@pytest.fixture
def start(tmp_path):
    """A function that starts a process which works in its private folder below `tmp_path`, and gives it with
    the folder.
    """
    started = []

    def start_(then: str) -> tuple[subprocess.Popen, Path]:
        process = subprocess.Popen(
            [sys.executable, "-c", WORK + then],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": str(tmp_path)},
        )
        started.append(process)
        return process, Path(process.stdout.readline().strip())

    yield start_
    for process in started:
        process.kill()
        process.communicate()


def test_it_is_for_its_user_alone_and_goes_with_the_process(start, tmp_path):
    process, folder = start("input()")
    assert folder.parent == tmp_path
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(list(folder.glob("mmer-*/recording"))) == 1
    process.communicate("\n")
    assert process.returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_at_the_next_start_and_nothing_else(start, tmp_path):
    killed, left = start("input()")
    living, theirs = start("input()")
    stranger = tmp_path / "somebody-elses"
    stranger.mkdir()
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert list(left.glob("mmer-*/recording")), "nothing is there to be removed"
    _, newest = start("input()")
    assert not left.exists()
    assert list(theirs.glob("mmer-*/recording")), "of a process that lives"
    assert newest.exists()
    assert stranger.exists()
    assert living.poll() is None


def test_a_child_that_lives_on_keeps_no_folder_from_going(start, tmp_path):
    """A decoder or a training that the process started holds no lock."""
    process, left = start(
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(child.pid, flush=True)\n"
        "input()"
    )
    child = int(process.stdout.readline())
    try:
        process.kill()
        process.wait()
        remove_abandoned(tmp_path)
        assert not left.exists()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_fork_takes_its_parents_folder_not_along(start, tmp_path):
    process, folder = start(
        "import os, sys\nif os.fork() == 0:\n    sys.exit()\nos.wait()\nprint('gone', flush=True)\ninput()"
    )
    assert process.stdout.readline() == "gone\n"
    assert folder.exists()


def test_a_link_is_not_followed(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("still here")
    (tmp_path / f"{PREFIX}link").symlink_to(kept)
    remove_abandoned(tmp_path)
    assert (kept / "file").exists()


def test_a_process_of_a_pool_takes_its_folder_along(tmp_path):
    code = (
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "from mmer_core.media.private_folder import work_in_private_folder\n"
        "if __name__ == '__main__':\n"
        "    with ProcessPoolExecutor(1, get_context('spawn')) as pool:\n"
        "        print(pool.submit(work_in_private_folder).result().is_dir())\n"
    )
    (tmp_path / "work.py").write_text(code)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary)}
    run = subprocess.run(
        [sys.executable, tmp_path / "work.py"], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout == "True\n"
    assert list(temporary.iterdir()) == []


def test_the_command_line_sweeps_what_a_killed_one_left(start, tmp_path):
    killed, left = start("input()")
    killed.kill()
    killed.wait()
    command = [sys.executable, "-m", "mmer_core", "labels"]
    subprocess.run(command, env=os.environ | {"TMPDIR": str(tmp_path)}, capture_output=True, check=True)
    assert not left.exists()
    assert list(tmp_path.iterdir()) == []
