"""The predictions of a finished run with every subset of its modalities, from its stored tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmer_core import metrics
from mmer_core.labels import Modality, subset_name, subsets
from mmer_core.runs.run import CVRun, RunError
from mmer_core.runs.validity import check_predictions

if TYPE_CHECKING:
    import pandas as pd

Subset = frozenset[Modality]
NOTHING: Subset = frozenset()


@dataclass(frozen=True)
class SubsetPredictions:
    """The classes that a run predicted with every subset of its modalities, row by row the same clips.

    Attributes:
        labels: C class names.
        modalities: the run's M modalities, in order.
        truth: (N,) int64 class indices.
        groups: (N,) str, the speakers or other groups that the folds keep apart.
        predicted: {subset: (N,) int64 class indices}, 2^M entries; the empty subset's is the most frequent
            class of the clip's training part.
        frequencies: (N, C) float64, how frequent each class is in the clip's training part; rows sum to 1.
    """

    labels: tuple[str, ...]
    modalities: tuple[Modality, ...]
    truth: np.ndarray
    groups: np.ndarray
    predicted: Mapping[Subset, np.ndarray]
    frequencies: np.ndarray

    @property
    def full(self) -> Subset:
        return frozenset(self.modalities)

    def right(self, subset: Subset) -> np.ndarray:
        """(N,) bool: whether a subset predicted the true class."""
        return np.asarray(self.predicted[subset] == self.truth)

    def confusion(self, subset: Subset) -> np.ndarray:
        """(C, C) int64 counts, rows are the truth."""
        return metrics.confusion_matrix(self.truth, self.predicted[subset], len(self.labels))


def subset_predictions(run: CVRun) -> SubsetPredictions:
    """Read the predictions of every modality subset of a finished run.

    Raises:
        RunError: the run is unfinished, lacks a subset or a file, or its tables do not fit together.
    """
    tables = {frozenset(s): _ordered(run, subset_name(s)) for s in subsets(run.modalities)}
    first = tables[frozenset(run.modalities)]
    predicted: dict[Subset, np.ndarray] = {}
    for subset, table in tables.items():
        if not table[["id", "fold", "y_true"]].equals(first[["id", "fold", "y_true"]]):
            raise RunError(
                f"{run.path} has other clips for {subset_name(subset)!r} than for {run.full!r}: copy "
                "the run again or train again"
            )
        predicted[subset] = table[run.probability_columns].to_numpy().argmax(axis=1)
    groups = first["id"].map(run.groups)
    if groups.isna().any():
        raise RunError(
            f"{run.path} has no group for the clip {first['id'][groups.isna()].iloc[0]!r}: copy the "
            "run again or train again"
        )
    frequencies = _frequencies(run, first)
    predicted[NOTHING] = frequencies.argmax(axis=1)
    return SubsetPredictions(
        run.labels,
        run.modalities,
        first["y_true"].to_numpy(dtype=np.int64),
        groups.to_numpy(dtype=str),
        predicted,
        frequencies,
    )


def _ordered(run: CVRun, subset: str) -> pd.DataFrame:
    table = run.predictions(subset).sort_values(["fold", "id"], ignore_index=True)
    check_predictions(run, table)
    return table


def _frequencies(run: CVRun, rows: pd.DataFrame) -> np.ndarray:
    """(N, C): class frequencies of each row's training part; of the whole corpus where the run does not hold
    the classes of that part.
    """
    C = len(run.labels)
    truth = dict(zip(rows["id"], rows["y_true"], strict=True))
    folds = run.folds[run.folds["role"] == "train"]
    known = folds["id"].map(truth)
    counted = {
        fold: np.bincount(classes.dropna().astype(int), minlength=C)
        for fold, classes in known.groupby(folds["fold"])
    }
    corpus = np.array(
        [run.record["corpus"].get("classes", {}).get(label, 1) for label in run.labels], dtype=float
    )
    table = {
        fold: counted[fold] if fold in counted and counted[fold].sum() else corpus
        for fold in rows["fold"].unique()
    }
    return np.stack([table[fold] / table[fold].sum() for fold in rows["fold"]])
