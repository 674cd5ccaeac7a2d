"""Cross-validation runs on disk, read side: list many in a blink, open one, read only what is asked for. No
pickle.

A run is a folder: run.json (its request, settings and metrics, the sha256 of its tables), folds.parquet (id,
group, fold, role), predictions.parquet (id, fold, subset, y_true, p_<label>; out of fold, before temperature
scaling), history.parquet (fold, part, epoch, losses and scores), baseline.parquet, progress.json, and model/,
the model that was fitted on all of the corpus; shipped runs have none. `runs.writer` writes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmer_core import metrics
from mmer_core.checkpoint import sha256_of
from mmer_core.json_files import object_in
from mmer_core.labels import Modality, in_order, subset_name
from mmer_core.runs import version_one
from mmer_core.runs.record import (
    BASELINE,
    FOLDS,
    HISTORY,
    LOCK,
    MODEL,
    PREDICTIONS,
    PROGRESS,
    RECORD,
    SCHEMA,
    STATUSES,
    RunError,
    is_locked,
    read_record,
)
from mmer_core.runs.tables import read_parquet

if TYPE_CHECKING:
    import pandas as pd


__all__ = [
    "BASELINE",
    "FOLDS",
    "HISTORY",
    "LOCK",
    "MODEL",
    "PREDICTIONS",
    "PROGRESS",
    "RECORD",
    "SCHEMA",
    "STATUSES",
    "CVRun",
    "RunEntry",
    "RunError",
    "is_locked",
    "list_runs",
    "read_record",
]


@dataclass(frozen=True)
class RunEntry:
    """One folder in a list of runs: its record, or why it has none."""

    path: Path
    record: dict[str, Any] | None
    problem: str | None = None

    @property
    def status(self) -> str:
        """One of `STATUSES`, or "broken"."""
        return "broken" if self.record is None else str(self.record["status"])


def list_runs(folder: Path) -> list[RunEntry]:
    """Every run below `folder`, newest first, broken ones last with their reason; reads only the run.json
    files.
    """
    if not folder.is_dir():
        return []
    entries = []
    for path in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        try:
            entries.append(RunEntry(path, read_record(path)))
        except RunError as error:
            entries.append(RunEntry(path, None, str(error)))
    return sorted(entries, key=lambda e: "" if e.record is None else e.record["created"], reverse=True)


class CVRun:
    """One finished or unfinished run. Tables are read when they are first asked for.

    Attributes:
        path: its folder.
        record: run.json.
    """

    def __init__(self, path: Path, record: dict[str, Any]) -> None:
        self.path, self.record = path, record

    @classmethod
    def open(cls, path: Path | str, *, verify: bool = False) -> CVRun:
        """Open a run.

        Args:
            path: its folder.
            verify: also compare every file with the sha256 in run.json; otherwise only with its size.

        Raises:
            RunError: the record or one of its files is missing, damaged or changed.
        """
        folder = Path(path)
        record = read_record(folder)
        for name, facts in record.get("files", {}).items():
            file = folder / name
            if "\0" in name or not file.resolve().is_relative_to(folder.resolve()):
                raise RunError(
                    f"{folder / RECORD} names the file {name!r} outside its folder: do not use this run"
                )
            if not file.is_file():
                raise RunError(f"{folder} lacks {name}: copy the whole run again or train again")
            if file.stat().st_size != facts["bytes"] or (verify and sha256_of(file) != facts["sha256"]):
                raise RunError(
                    f"{file} differs from what {RECORD} says: copy the whole run again or train again"
                )
        return cls(folder, record)

    @property
    def name(self) -> str:
        return str(self.record["name"])

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.record["labels"])

    @property
    def modalities(self) -> tuple[Modality, ...]:
        return in_order(Modality(m) for m in self.record["modalities"])

    @property
    def full(self) -> str:
        """The subset with every modality of the run."""
        return subset_name(self.modalities)

    @property
    def finished(self) -> bool:
        return bool(self.record["status"] == "finished")

    @property
    def model(self) -> Path | None:
        """The folder of the model that was fitted on all of the corpus; None where there is none: the run is
        not finished, is shipped as evidence, or comes from an older version.
        """
        return self.path / MODEL if self.finished and (self.path / MODEL).is_dir() else None

    @property
    def metrics(self) -> dict[str, Any]:
        """{subset: scores with intervals, per class, calibration, confusion}; see `summary.summarise`."""
        return dict(self.record["metrics"])

    @cached_property
    def progress(self) -> dict[str, Any]:
        """The last progress.json; {} if there is none."""
        return object_in(self.path / PROGRESS)

    @cached_property
    def folds(self) -> pd.DataFrame:
        """id, group, fold, role (train, validation or test); one row for each utterance and fold."""
        return version_one.with_roles(self._read(FOLDS, needed=("id", "group", "fold")))

    @cached_property
    def history(self) -> pd.DataFrame:
        """fold, part ("" or the branch of a late model), epoch, train_loss, validation_loss,
        validation_<score>, learning_rate, best (bool).
        """
        return version_one.with_columns(self._read(HISTORY))

    def predictions(
        self, subset: str | None = None, *, columns: Sequence[str] | None = None, calibrated: bool = False
    ) -> pd.DataFrame:
        """Out-of-fold predictions of one modality subset (default: all modalities).

        Args:
            subset: as in `labels.subset_name`.
            columns: which to read (id, fold, y_true, p_<label>); default all.
            calibrated: apply each fold's temperature; needs all columns.

        Raises:
            RunError: the run is not finished, has no such subset, or the file is damaged or lacks a column or
                a temperature.
        """
        subset = subset or self.full
        if subset not in self.record["metrics"]:
            raise RunError(
                f"{self.path} has no predictions for {subset!r}: it has "
                f"{', '.join(self.record['metrics']) or 'none yet, it is not finished'}"
            )
        wanted = ["id", "fold", "y_true", *self.probability_columns]
        table = self._read(PREDICTIONS, columns or wanted, [("subset", "=", subset)])
        if calibrated:
            from mmer_core.uncertainty.calibration import calibrate

            try:
                temperature = np.array(self.record["temperatures"][subset], float)[table["fold"].to_numpy()]
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise RunError(
                    f"{self.path / RECORD} has no temperature for each fold of {subset}: restore it or "
                    "train again"
                ) from error
            table[self.probability_columns] = calibrate(
                table[self.probability_columns].to_numpy(), temperature
            ).astype(np.float32)
        return table

    @property
    def probability_columns(self) -> list[str]:
        return [f"p_{label}" for label in self.labels]

    def confusion(self, subset: str | None = None, fold: int | None = None) -> np.ndarray:
        """(C, C) int64 counts of one subset, pooled over the folds or of one fold; rows are the truth."""
        if fold is None:
            try:
                return np.array(self.record["metrics"][subset or self.full]["confusion"], dtype=np.int64)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise RunError(
                    f"{self.path / RECORD} has no confusion matrix of {subset or self.full}: restore it or "
                    "train again"
                ) from error
        table = self.predictions(subset)
        table = table[table["fold"] == fold]
        predicted = table[self.probability_columns].to_numpy().argmax(axis=1)
        return metrics.confusion_matrix(table["y_true"].to_numpy(), predicted, len(self.labels))

    @cached_property
    def groups(self) -> dict[str, str]:
        """{id: group} as the folds kept them apart."""
        return dict(zip(self.folds["id"], self.folds["group"], strict=True))

    def _read(
        self,
        name: str,
        columns: Iterable[str] | None = None,
        filters: list[tuple[str, str, str]] | None = None,
        needed: Iterable[str] = (),
    ) -> pd.DataFrame:
        try:
            return read_parquet(self.path / name, columns, filters, needed)
        except FileNotFoundError:
            raise RunError(f"{self.path} has no {name}: the run is {self.record['status']}") from None
