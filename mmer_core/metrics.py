"""Scores of predictions against the truth. Every figure the project shows is computed here.

Names: accuracy = micro-F1 = WA (weighted accuracy) for single-label problems; UA (unweighted accuracy) = mean
recall over the classes that occur.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SCORES = ("accuracy", "ua", "macro_f1", "weighted_f1")


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """(C, C) int64 counts: rows are the truth, columns the prediction.

    Args:
        truth: (N,) class indices.
        predicted: (N,) class indices.
        classes: C.
    """
    flat = np.asarray(truth, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


def per_class(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall, F1 (each (..., C) float64 in [0, 1]) and support ((..., C)) of one confusion matrix
    (C, C) or a stack of them (..., C, C).

    A class that never occurs has recall NaN; one that is neither true nor predicted has precision and F1 NaN;
    a class that occurs but is never predicted has precision 0 and F1 0.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).astype(float)
    support = confusion.sum(axis=-1)
    guesses = confusion.sum(axis=-2)
    seen = (support + guesses) > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = np.where(support > 0, hits / support, np.nan)
        precision = np.where(guesses > 0, hits / guesses, np.where(seen, 0.0, np.nan))
        f1 = np.where(seen, 2 * hits / (support + guesses), np.nan)
    return {"precision": precision, "recall": recall, "f1": f1, "support": support}


def stacked_scores(confusions: np.ndarray) -> dict[str, np.ndarray]:
    """n and the `SCORES` of a stack of confusion matrices (..., C, C), each (...,) float64; NaN where there
    is nothing to score.

    UA averages over classes that occur; macro-F1 over classes that occur or are predicted (scikit-learn's
    convention).
    """
    table = per_class(confusions)
    total = confusions.sum(axis=(-2, -1))
    hits = np.trace(confusions, axis1=-2, axis2=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "n": total,
            "accuracy": hits / total,
            "ua": _mean_of_known(table["recall"]),
            "macro_f1": _mean_of_known(table["f1"]),
            "weighted_f1": (table["support"] * np.nan_to_num(table["f1"])).sum(axis=-1) / total,
        }


def _mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis without its NaN; NaN where all are (silently, unlike np.nanmean)."""
    return np.nansum(values, axis=-1) / (~np.isnan(values)).sum(axis=-1)


def scores(confusion: np.ndarray) -> dict[str, float]:
    """n (an int) and the `SCORES` of one confusion matrix (C, C); see `stacked_scores`."""
    table = stacked_scores(confusion)
    return {"n": int(table["n"]), **{name: float(table[name]) for name in SCORES}}


def expected_calibration_error(probabilities: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """ECE in [0, 1] (Guo et al. 2017): mean gap between confidence and accuracy over equal-width confidence
    bins, weighted by size.

    Args:
        probabilities: (N, C), rows sum to 1.
        truth: (N,) class indices.
    """
    table = reliability(probabilities, truth, bins)
    total = table["count"].sum()
    if total == 0:
        return float("nan")
    filled = table["count"] > 0
    gaps = np.abs(table["confidence"][filled] - table["accuracy"][filled])
    return float((gaps * table["count"][filled]).sum() / total)


def reliability(probabilities: np.ndarray, truth: np.ndarray, bins: int = 15) -> dict[str, np.ndarray]:
    """The reliability diagram: for each confidence bin its count, mean confidence and accuracy, each (bins,);
    NaN in empty bins.
    """
    probabilities = np.asarray(probabilities, dtype=float)
    confidence = probabilities.max(axis=1, initial=0.0)
    correct = (
        probabilities.argmax(axis=1) == np.asarray(truth) if len(probabilities) else np.zeros(0, dtype=bool)
    )
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "count": count,
            "confidence": np.bincount(index, weights=confidence, minlength=bins) / count,
            "accuracy": np.bincount(index, weights=correct.astype(float), minlength=bins) / count,
        }


def score_predictions(truth: Sequence[int] | np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """`scores` of the most probable classes: truth (N,), probabilities (N, C)."""
    probabilities = np.asarray(probabilities)
    return scores(
        confusion_matrix(
            np.asarray(truth, dtype=np.int64), probabilities.argmax(axis=1), probabilities.shape[1]
        )
    )
