"""Fixtures that many tests share."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

# Tests run side by side in processes: one thread in each is faster than all threads in all. Set before torch and onnxruntime are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# A slow machine is not a failed test, and every run tries the same examples.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


@pytest.fixture
def scratch(tmp_path_factory, monkeypatch):
    """A temporary folder of its own for the code under test, which must be as empty afterwards as before."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == [], "something was left in the temporary folder"


@pytest.fixture
def decoder_that(tmp_path, monkeypatch):
    """Replace the decoding process by a script; `from mmer_core.decoder...` and `run()`, the real thing, are at its disposal."""
    from mmer_core import media

    def replace(code: str) -> None:
        script = tmp_path / "decoder_script.py"
        head = "import errno, json, os, signal, sys, time\nfrom mmer_core.decoder.__main__ import main\nrun = lambda: sys.exit(main(sys.argv[1:]))\n"
        script.write_text(head + code)
        monkeypatch.setattr(media, "COMMAND", (sys.executable, str(script)))

    return replace


@pytest.fixture
def install_predictor(monkeypatch):
    """A function that puts a predictor in the place of the shipped model, and what finds faces and words, if given, in that of the real ones."""
    import mmer_core.predictor
    from ui import models

    def install(made, *, find_faces=None, transcript=None):
        if find_faces is not None:
            monkeypatch.setattr(mmer_core.predictor, "find_faces", find_faces)
        if transcript is not None:
            monkeypatch.setattr(mmer_core.predictor, "transcribe", lambda waveform: transcript)
        monkeypatch.setattr(models, "load_predictor", lambda folder: made)
        models.loader_of.clear()
        return made

    yield install
    models.loader_of.clear()


@pytest.fixture
def small_video(tmp_path) -> Path:
    """A two-second mp4 with moving colours and a tone, its index in front so that a cut file can still be read."""
    from media_factory import write_video

    path = tmp_path / "clip.mp4"
    write_video(path, options={"movflags": "faststart"})
    return path
