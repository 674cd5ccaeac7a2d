"""The figures of a run, from its out-of-fold predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmer_core import metrics
from mmer_core.evaluation import statistics
from mmer_core.evaluation.folds import Fold
from mmer_core.uncertainty.calibration import calibrate


def summarise(
    predictions: pd.DataFrame,
    temperatures: Mapping[str, Sequence[float]],
    group_of: Mapping[str, str],
    labels: Sequence[str],
    seed: int = 0,
) -> dict[str, Any]:
    """The metrics of run.json.

    Args:
        predictions: id, fold, subset, y_true, p_<label>.
        temperatures: {subset: one for each fold}.
        group_of: {id: speaker, or what else the folds keep apart}; what the intervals resample.
        labels: class names.
        seed: of the bootstrap.

    Returns:
        {subset: {accuracy, ua, macro_f1, weighted_f1: [value, low, high]; n; ece and ece_calibrated; folds:
        {metric: {mean, sd, each}};
        per_class: {label: {precision, recall, f1, support}}; confusion: (C, C) counts}}. Unknown figures are
            null.
    """
    table = {}
    for subset, rows in predictions.groupby("subset", sort=False):
        truth, fold = rows["y_true"].to_numpy(dtype=np.int64), rows["fold"].to_numpy()
        probabilities = rows[[f"p_{label}" for label in labels]].to_numpy(dtype=np.float64)
        predicted = probabilities.argmax(axis=1)
        groups = rows["id"].map(group_of).to_numpy(dtype=str)
        confusion = metrics.confusion_matrix(truth, predicted, len(labels))
        by_fold = statistics.group_confusions(truth, predicted, fold, len(labels))
        calibrated = calibrate(probabilities, np.asarray(temperatures[str(subset)])[fold])
        table[str(subset)] = {
            "n": len(truth),
            **statistics.to_json(statistics.intervals(truth, predicted, groups, len(labels), seed=seed)),
            "ece": figure(metrics.expected_calibration_error(probabilities, truth)),
            "ece_calibrated": figure(metrics.expected_calibration_error(calibrated, truth)),
            "folds": _over_folds(by_fold),
            "per_class": _per_class(confusion, labels),
            "confusion": confusion.tolist(),
        }
    return table


def baselines(y: np.ndarray, folds: Sequence[Fold], classes: int) -> dict[str, Any]:
    """What needs no features: chance (every class equally often) and majority (always the training part's
    most frequent class).
    """
    truth = np.concatenate([y[fold.test] for fold in folds])
    majority = np.concatenate(
        [np.full(len(fold.test), np.bincount(y[fold.train], minlength=classes).argmax()) for fold in folds]
    )
    scores = metrics.scores(metrics.confusion_matrix(truth, majority, classes))
    return {
        "chance": figure(1 / classes),
        "majority": {name: figure(scores[name]) for name in metrics.SCORES},
    }


def figure(value: float) -> float | None:
    """A figure as it stands in JSON: six decimals, null where unknown."""
    return None if math.isnan(value) else round(float(value), 6)


def _over_folds(confusions: np.ndarray) -> dict[str, Any]:
    table = metrics.stacked_scores(confusions)
    return {
        name: {
            "mean": figure(table[name].mean()),
            "sd": figure(table[name].std()),
            "each": [figure(v) for v in table[name]],
        }
        for name in metrics.SCORES
    }


def _per_class(confusion: np.ndarray, labels: Sequence[str]) -> dict[str, dict[str, Any]]:
    table = metrics.per_class(confusion)
    return {
        label: {
            **{name: figure(table[name][i]) for name in ("precision", "recall", "f1")},
            "support": int(table["support"][i]),
        }
        for i, label in enumerate(labels)
    }
