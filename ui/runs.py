"""Runs on disk for the pages: listed and opened once, read again only when they change."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from mmer_core.config import run_folders
from mmer_core.runs import titles as run_titles
from mmer_core.runs.comparison import Comparison, compare, predicted_classes
from mmer_core.runs.modality_worth import losses, worth_sentence
from mmer_core.runs.run import FOLDS, RECORD, CVRun, RunEntry, RunError, is_locked
from mmer_core.runs.subset_predictions import subset_predictions
from mmer_core.runs.validity import check, check_history, check_predictions

if TYPE_CHECKING:
    import pandas as pd

KEPT = 16  # opened runs in memory; one of 10,000 predictions is some megabytes
TABLES_KEPT = 48  # predictions of one subset each
COMPARISONS_KEPT = 64
FOLDERS = run_folders()  # where runs are looked for; of two with one name the first counts

_Stamp = tuple[int, int]


def home() -> Path:
    """The folder that new runs are written to."""
    return FOLDERS[0]


def listed() -> list[RunEntry]:
    """Every run, newest first, broken ones last with their reason. Only folders that changed since the last
    call are read.
    """
    found: dict[str, RunEntry] = {}
    for folder in FOLDERS:
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_dir() and not path.name.startswith(".") and path.name not in found:
                found[path.name] = _entry(folder, path.name, _stamp(path), _training(path))
    return sorted(
        found.values(),
        key=lambda e: ("" if e.record is None else e.record["created"], e.path.name),
        reverse=True,
    )


def folder_of(name: str) -> Path:
    """The folder that holds the run of this name; that of new runs where there is none."""
    return next((folder for folder in FOLDERS if (folder / name).is_dir()), home())


def opened(name: str) -> CVRun:
    """The run of this name.

    Raises:
        RunError: there is none, or it cannot be read.
    """
    if name in ("", ".", "..") or "/" in name or "\\" in name:
        raise RunError(f"{name!r} is not the name of a run: choose one from the list")
    folder = folder_of(name)
    return _opened(folder, name, _stamp(folder / name), _training(folder / name))


def predictions(run: CVRun, subset: str, *, calibrated: bool = False) -> pd.DataFrame:
    """Out-of-fold predictions of one subset, shared by all who ask: do not change them.

    Raises:
        RunError: there are none, or the file is damaged or holds NaN.
    """
    return _predictions(run.path.parent, run.path.name, _stamp(run.path), subset, calibrated)


def history(run: CVRun) -> pd.DataFrame:
    """The training history; `part` is never missing.

    Raises:
        RunError: there is none, or it is damaged.
    """
    check_history(run, run.history)
    return run.history.assign(part=run.history["part"].fillna(""))


def groups(run: CVRun) -> dict[str, str]:
    """{id: speaker, or what else the folds keep apart}.

    Raises:
        RunError: the table of folds is missing or damaged.
    """
    try:
        return run.groups
    except KeyError as error:
        raise RunError(f"{run.path / FOLDS} lacks the column {error}: copy it again or train again") from None


def progress(run: CVRun) -> dict[str, Any]:
    """The progress of a run, read now: share in [0, 1], done, folds ("?" if unknown), and curves as one table
    (fold, part, epoch...; maybe empty).
    """
    import pandas as pd

    try:
        found = CVRun(run.path, run.record).progress
        share = min(1.0, max(0.0, float(found.get("share") or 0)))
        rows = [
            {"fold": int(key.split()[0]), "part": key.partition(" ")[2], **row}
            for key, curve in (found.get("curves") or {}).items()
            for row in curve
        ]
    except (ValueError, TypeError, AttributeError, IndexError):  # a file that was edited is as good as none
        found, share, rows = {}, 0.0, []
    return {
        "share": share,
        "done": found.get("done", 0),
        "folds": found.get("folds", "?"),
        "curves": pd.DataFrame(rows),
    }


def answered(run: CVRun, subset: str) -> pd.DataFrame:
    """y_true and predicted of each utterance, index its id; see `comparison.predicted_classes`.

    Raises:
        RunError: as `predictions`.
    """
    predictions(run, subset)  # so that NaN is an error, not an answer
    return _answered(run.path.parent, run.path.name, _stamp(run.path), subset)


def compared(runs: list[CVRun], metric: str, subset: str | None) -> list[Comparison]:
    """`comparison.compare`, remembered.

    Raises:
        RunError: as `compare`, or the predictions of one hold NaN.
    """
    for run in runs:
        predictions(run, subset or run.full)
    paths = tuple(run.path for run in runs)
    return _compared(paths, tuple(map(_stamp, paths)), metric, subset)


def titles(entries: Sequence[RunEntry] | None = None) -> dict[str, str]:
    """{name: title} of runs (default: all that can be read): "ravdess, 8 classes: early (Voice + face)", and
    where others have the same title, what tells it apart.
    """
    found = listed() if entries is None else entries
    return run_titles.titles({e.path.name: e.record for e in found if e.record is not None})


def title(run: CVRun) -> str:
    """The title of one run among all."""
    return titles().get(run.path.name) or run_titles.plain_title(run.record)


def labels(opened: Sequence[CVRun]) -> dict[str, str]:
    """{name: label} of runs side by side: what differs among them, no more."""
    return run_titles.labels({run.path.name: run.record for run in opened})


def modality_sentence(run: CVRun) -> str:
    """Which modality matters most, with the figures; "" for a run of one modality, and for one whose
    predictions cannot be read, which is said where they are shown.
    """
    if len(run.modalities) < 2 or not run.finished:
        return ""
    try:
        return _modality_sentence(run.path.parent, run.path.name, _stamp(run.path))
    except (RunError, KeyError):
        return ""


def _stamp(path: Path) -> _Stamp:
    """Changes whenever run.json is written; run files never change without it."""
    try:
        stat = os.stat(path / RECORD)
    except OSError:
        return (0, 0)
    return (stat.st_mtime_ns, stat.st_size)


def _training(path: Path) -> bool:
    return is_locked(path)


# Folder, stamp and lock are in the keys because they decide what is read.


@st.cache_resource(show_spinner=False, max_entries=4096)
def _entry(folder: Path, name: str, stamp: _Stamp, training: bool) -> RunEntry:
    path = folder / name
    try:
        run = CVRun.open(path)
        check(run)
    except RunError as error:
        return RunEntry(path, None, str(error))
    return RunEntry(path, run.record)


@st.cache_resource(show_spinner=False, max_entries=KEPT)
def _opened(folder: Path, name: str, stamp: _Stamp, training: bool) -> CVRun:
    run = CVRun.open(folder / name)
    check(run)
    return run


@st.cache_resource(show_spinner=False, max_entries=TABLES_KEPT)
def _predictions(folder: Path, name: str, stamp: _Stamp, subset: str, calibrated: bool) -> pd.DataFrame:
    run = _opened(folder, name, stamp, _training(folder / name))
    table = run.predictions(subset, calibrated=calibrated)
    check_predictions(run, table)
    return table


@st.cache_resource(show_spinner=False, max_entries=TABLES_KEPT)
def _answered(folder: Path, name: str, stamp: _Stamp, subset: str) -> pd.DataFrame:
    return predicted_classes(_opened(folder, name, stamp, _training(folder / name)), subset)


@st.cache_data(show_spinner=False, max_entries=COMPARISONS_KEPT)
def _modality_sentence(folder: Path, name: str, stamp: _Stamp) -> str:
    run = _opened(folder, name, stamp, _training(folder / name))
    return worth_sentence(losses(subset_predictions(run)))


@st.cache_resource(show_spinner=False, max_entries=COMPARISONS_KEPT)
def _compared(
    paths: tuple[Path, ...], stamps: tuple[_Stamp, ...], metric: str, subset: str | None
) -> list[Comparison]:
    runs = [_opened(p.parent, p.name, s, _training(p)) for p, s in zip(paths, stamps, strict=True)]
    return compare(runs, metric=metric, subset=subset)
