"""An uploaded corpus is there for as long as it is needed, and no longer."""

from __future__ import annotations

import gc
import io
import os
import subprocess
import sys
import tempfile
import zipfile

import pytest

from mmer_core.corpora import CorpusError
from mmer_core.runs import jobs
from mmer_core.runs.titles import UPLOADED
from ui import runs
from ui.train.upload import receive, remove_orphans, remove_unused


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A temporary folder and a folder of runs of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(runs, "FOLDERS", (tmp_path / "runs",))
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


def archive(**files: bytes) -> io.BytesIO:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as packed:
        for name, content in (files or {"joy/a.wav": b"RIFF"}).items():
            packed.writestr(name, content)
    return target


def test_the_folder_is_private_and_goes_with_the_visit(place):
    received = receive(archive(), "mine.zip")
    (folder,) = place.iterdir()
    assert folder.name.startswith(f"{UPLOADED}{os.getpid()}-")
    assert folder.stat().st_mode & 0o077 == 0
    assert received.files == 1
    del received
    gc.collect()
    assert not list(place.iterdir())


def test_it_can_be_removed_at_once(place):
    received = receive(archive(), "mine.zip")
    received.remove()
    assert not list(place.iterdir())


def test_nothing_is_left_of_what_cannot_be_used(place):
    with pytest.raises(CorpusError, match="no folder named for an emotion"):
        receive(archive(**{"x/a.wav": b"RIFF"}), "mine.zip")
    assert not list(place.iterdir())


def test_a_table_is_told_by_its_ending(place):
    assert receive(io.BytesIO(b"text,label\nhi,joy\n"), "mine.CSV").table


def test_what_a_training_reads_stays_until_it_has_ended(place, monkeypatch):
    received = receive(archive(), "mine.zip")
    folder = received.uploaded.manifest.parent

    class Training:
        status = jobs.Status.RUNNING
        commands = (("python", "-m", "mmer_core", "train", f"csv:{received.uploaded.manifest}"),)

    monkeypatch.setattr(jobs, "listed", lambda home: ([Training()], []))
    remove_unused(folder, place)
    assert folder.is_dir()
    Training.status = jobs.Status.FINISHED
    remove_unused(folder, place)
    assert not folder.exists()


def test_what_an_app_left_that_was_killed_is_removed_later(place):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left, own = place / f"{UPLOADED}{ended.pid}-x", place / f"{UPLOADED}{os.getpid()}-x"
    left.mkdir()
    own.mkdir()
    remove_orphans(place)
    assert not left.exists()
    assert own.is_dir()
