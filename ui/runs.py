"""Runs on disk for the pages: listed and opened once, read again only when they change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import streamlit as st

from mmer_core.config import RUNS
from mmer_core.runs.run import RECORD, CVRun, RunEntry, RunError, is_locked, read_record
from ui.figure import subset_title

KEPT = 16  # opened runs in memory; one of 10,000 predictions is some megabytes
FOLDER = RUNS  # where runs are looked for and written to


def listed() -> list[RunEntry]:
    """Every run, newest first, broken ones last with their reason. Only folders that changed since the last call are read."""
    if not FOLDER.is_dir():
        return []
    entries = [_entry(path.name, _stamp(path), _training(path)) for path in FOLDER.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(entries, key=lambda e: ("" if e.record is None else e.record["created"], e.path.name), reverse=True)


def opened(name: str) -> CVRun:
    """The run of this name.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise RunError(f"{name!r} is not the name of a run: choose one from the list")
    return _opened(name, _stamp(FOLDER / name), _training(FOLDER / name))


def title(record: dict[str, Any]) -> str:
    """A run in a few words: "ravdess, 8 classes: early (Voice + face)"."""
    modalities = subset_title("+".join(record["modalities"]))
    return f"{record['corpus']['name']}, {len(record['labels'])} classes: {record['fusion']['name']} ({modalities})"


def _stamp(path: Path) -> tuple[int, int]:
    """Changes whenever run.json is written; run files never change without it."""
    try:
        stat = os.stat(path / RECORD)
    except OSError:
        return (0, 0)
    return (stat.st_mtime_ns, stat.st_size)


def _training(path: Path) -> bool:
    return is_locked(path)


@st.cache_resource(show_spinner=False, max_entries=4096)
def _entry(name: str, stamp: tuple[int, int], training: bool) -> RunEntry:
    """One entry; stamp and lock are in the key because they decide what the record says."""
    path = FOLDER / name
    try:
        return RunEntry(path, read_record(path))
    except RunError as error:
        return RunEntry(path, None, str(error))


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def _opened(name: str, stamp: tuple[int, int], training: bool) -> CVRun:
    return CVRun.open(FOLDER / name)
