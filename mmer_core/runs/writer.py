"""Cross-validation runs on disk, write side. Every file appears whole or not at all, and run.json says
"finished" last.

While a run is trained, fold_<k>/ holds what is known of each finished fold: fold.json and tables. They are
removed at the end; no weights of folds are written.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from mmer_core.checkpoint import sha256_of
from mmer_core.json_files import read_json, write_json
from mmer_core.runs.record import (
    FOLDS,
    HISTORY,
    LOCK,
    MODEL,
    PREDICTIONS,
    PROGRESS,
    RECORD,
    SCHEMA,
    RunError,
    read_record,
)
from mmer_core.runs.tables import write_table

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

PROGRESS_EVERY = 0.5  # seconds between two versions of progress.json
FOLD_RECORD = "fold.json"
_DRAFT = ".model"  # the model while its files are written
_CHANGING = (
    "name",
    "status",
    "created",
    "finished",
    "reason",
    "metrics",
    "files",
    "versions",
    "request",
    "command",
    "temperatures",
    "chosen",
    "baselines",
)


def now() -> str:
    """The time as it stands in run.json: UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def settings_digest(record: Mapping[str, Any]) -> str:
    """sha256 over everything in a record that decides its results."""
    settings = {k: v for k, v in record.items() if k not in _CHANGING}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _as_read(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as it will be when read back: lists for tuples, with the schema."""
    return dict(json.loads(json.dumps({**record, "schema": SCHEMA})))


def what_is_in(folder: Path, record: Mapping[str, Any]) -> Literal["nothing", "unfinished", "finished"]:
    """How far the run that a record describes has come in a folder.

    Raises:
        RunError: the folder holds a run with other settings, a broken one, or something else.
    """
    if not (folder / RECORD).exists():
        if folder.exists() and any(p.name != LOCK for p in folder.iterdir()):
            raise RunError(f"{folder} holds something that is no run: choose another --name or --out")
        return "nothing"
    before = read_record(folder)
    if settings_digest(before) != settings_digest(_as_read(record)):
        raise RunError(f"{folder} holds a run with other settings: choose another --name")
    return "finished" if before["status"] == "finished" else "unfinished"


class RunWriter:
    """A run being trained. Holds the folder's lock until closed; a killed process loses it.

    Args:
        folder: the run's folder; made if needed. An unfinished run in it with the same settings is continued.
        record: run.json without name (that of the folder), status, times and results.

    Raises:
        RunError: another process trains there, the run there is finished, or it has other settings.
    """

    def __init__(self, folder: Path, record: Mapping[str, Any]) -> None:
        self.folder = folder
        what_is_in(folder, record)  # before anything is written there
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder)
        try:
            self.record = self._start(dict(record))
        except BaseException:
            self._lock.close()
            raise
        self._progress: dict[str, Any] = {}
        self._written = 0.0

    def __enter__(self) -> RunWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Say how the run ended, if it did not finish; then give up the lock."""
        try:
            if self.record["status"] == "running":
                stopped = error is None or isinstance(error, KeyboardInterrupt | SystemExit)
                self._end(
                    *(
                        ("interrupted", "stopped; the same command continues it")
                        if stopped
                        else ("failed", str(error))
                    )
                )
        except OSError as failure:  # a full disk: without the lock, "running" is read as "interrupted"
            log.warning("the end of the run could not be written to %s: %s", self.folder, failure)
        finally:
            self._lock.close()

    def _start(self, record: dict[str, Any]) -> dict[str, Any]:
        if what_is_in(self.folder, record) == "finished":
            raise RunError(
                f"{self.folder} holds this run already, finished: look at it, or choose another "
                "--name to train again"
            )
        record = _as_read(record) | {
            "name": self.folder.name,
            "status": "running",
            "created": now(),
            "metrics": {},
        }
        if (self.folder / RECORD).exists():
            record["created"] = read_record(self.folder)["created"]
        write_json(self.folder / RECORD, record)
        return record

    def fold_folder(self, fold: int) -> Path:
        return self.folder / f"fold_{fold}"

    def has_fold(self, fold: int) -> bool:
        """Whether a fold was trained and written before."""
        return (self.fold_folder(fold) / FOLD_RECORD).is_file()

    def write_fold(self, fold: int, record: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> None:
        """Write one fold: its tables by file name, then fold.json."""
        folder = self.fold_folder(fold)
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()
        for name, table in tables.items():
            write_table(folder / name, table)
        write_json(folder / FOLD_RECORD, dict(record))

    def read_fold(self, fold: int) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
        """fold.json and the tables, by file name, of a fold written before."""
        import pandas as pd

        folder = self.fold_folder(fold)
        record = read_json(folder / FOLD_RECORD)
        return record, {path.name: pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}

    @property
    def has_model(self) -> bool:
        """Whether the final model is written; its folder appears whole."""
        return (self.folder / MODEL).is_dir()

    def write_model(self, save: Callable[[Path], None]) -> None:
        """Write the final model.

        Args:
            save: writes its files into the folder given.
        """
        draft = self.folder / _DRAFT
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir()
        save(draft)
        draft.replace(self.folder / MODEL)

    def progress(self, state: Mapping[str, Any], *, always: bool = False) -> None:
        """Tell how far the run is, at most twice a second unless `always`."""
        self._progress |= state
        if not always and time.monotonic() - self._written < PROGRESS_EVERY:
            return
        self._written = time.monotonic()
        write_json(self.folder / PROGRESS, {"updated": now(), "pid": os.getpid(), **self._progress})

    def write_folds(self, folds: pd.DataFrame) -> None:
        """Who is in which part of which fold; written before anything is trained."""
        write_table(self.folder / FOLDS, folds)

    def write_pooled(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write the tables of all folds together, by file name; those with a column "subset" subset by
        subset, so that one can be read alone.
        """
        for name, table in tables.items():
            write_table(self.folder / name, table, by="subset" if "subset" in table else None)

    def finish(self, predictions: pd.DataFrame, history: pd.DataFrame, results: Mapping[str, Any]) -> None:
        """Write the pooled tables, then run.json as finished, then remove the folders of the folds.

        Args:
            predictions: id, fold, subset, y_true, p_<label>.
            history: rows of all folds.
            results: metrics, temperatures, chosen, baselines.
        """
        self.write_pooled({PREDICTIONS: predictions, HISTORY: history})
        files = [path for path in sorted(self.folder.glob("*.parquet")) if not path.name.startswith(".")]
        self.record |= results
        self.record["files"] = {
            path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in files
        }
        self._end("finished")
        for folder in self.folder.glob("fold_*"):
            shutil.rmtree(folder)

    def _end(self, status: str, reason: str = "") -> None:
        self.record |= {"status": status, "finished": now()} | ({"reason": reason} if reason else {})
        if status == "finished":
            self.record.pop("reason", None)
        write_json(self.folder / RECORD, self.record)
        share = {"share": 1.0} if status == "finished" else {}
        self.progress({"status": status, "reason": reason, **share}, always=True)


def _lock(folder: Path) -> IO[bytes]:
    file = (folder / LOCK).open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise RunError(
            f"another process is training into {folder}: wait for it or choose another --name"
        ) from None
    return file
