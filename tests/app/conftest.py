"""Fixtures of the pages."""

from __future__ import annotations

from dataclasses import replace

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT
from mmer_core.media.speech import Transcript
from tiny_model import make_clip, make_model
from ui import keeping, models, runs


@pytest.fixture(autouse=True)
def shared_process(monkeypatch):
    """Tests end no sessions and stay in the temporary folder that they were given: `ui.keeping` is tested in
    processes of its own.
    """
    monkeypatch.setattr(keeping, "_begin", lambda: None)


@pytest.fixture
def model(install_model):
    """A tiny model instead of the shipped model; faces are found at once, words never."""

    def find_faces(clip):
        return replace(clip, faces=make_clip().faces)

    return install_model(make_model(), find_faces=find_faces, transcript=Transcript("", (), 0.0))


@pytest.fixture
def app(model) -> AppTest:
    """The Analyze page, models loaded, nothing given yet."""
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    assert not at.exception
    return at


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of runs that the page looks into."""
    path = tmp_path / "runs"
    path.mkdir()
    monkeypatch.setattr(runs, "FOLDERS", (path,))
    st.cache_resource.clear()
    return path
