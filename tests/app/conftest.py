"""Fixtures of the pages on runs."""

from __future__ import annotations

import pytest
import streamlit as st

from ui import runs


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of runs that the page looks into."""
    path = tmp_path / "runs"
    path.mkdir()
    monkeypatch.setattr(runs, "FOLDERS", (path,))
    st.cache_resource.clear()
    return path
