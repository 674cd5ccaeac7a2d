"""Scores and temperatures on corpora that were left out of training whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from mmer_core import metrics
from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import (
    BOUNDS,
    answering_under,
    log_softmax,
    negative_log_likelihood,
)
from recipes.left_out.corpora import FEWEST, LeftOut, usable

MEANS = ("ua", "accuracy", "confidence", "ece", "cross_entropy")


@dataclass(frozen=True)
class Answering:
    """How raw logits become answers.

    Attributes:
        temperature: that they are divided by.
        trained: (C,) class frequencies that they are under.
        answered: (C,) those that are answered under.
    """

    temperature: float
    trained: np.ndarray
    answered: np.ndarray

    def logits(self, raw: np.ndarray) -> np.ndarray:
        """(N, C) calibrated logits of raw ones."""
        return answering_under(raw, self.temperature, self.trained, self.answered)


def fit_temperature(corpora: Sequence[LeftOut], trained: np.ndarray, answered: np.ndarray) -> float:
    """The temperature of the least mean cross-entropy over corpora, each counted alike, and in each of them
    the emotions that it has (`FEWEST` times at least); 1 for no corpora. A corpus of many smiles would say
    that faces are easy to read.
    """
    if not corpora:
        return 1.0

    weights = [_class_weights(part.labels, len(trained)) for part in corpora]

    def loss(log_temperature: float) -> float:
        answering = Answering(float(np.exp(log_temperature)), trained, answered)
        losses = [
            negative_log_likelihood(answering.logits(p.logits), p.labels, weight)
            for p, weight in zip(corpora, weights, strict=True)
        ]
        return float(np.mean(losses))

    found = minimize_scalar(loss, bounds=np.log(BOUNDS), method="bounded")
    return float(np.exp(found.x))


def _class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """(C,) with which every class that occurs often enough counts alike, and others not at all."""
    counts = np.bincount(labels, minlength=classes)
    enough = counts >= min(FEWEST, int(counts.max()))
    return np.where(enough, 1 / np.maximum(counts, 1), 0.0)


def scores(logits: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Scores of calibrated logits (N, C) for labels (N,): n; ua over the emotions that occur, though all may
    be answered; accuracy, confidence (mean highest probability), ece; cross_entropy in nats; recall of each
    emotion that occurs; answered, the share of each emotion among the answers.
    """
    probabilities = np.exp(log_softmax(logits))
    answers = probabilities.argmax(1)
    confusion = metrics.confusion_matrix(labels, answers, len(EMOTIONS))
    recall = metrics.per_class(confusion)["recall"]
    found = metrics.scores(confusion)
    return {
        "n": found["n"],
        "ua": round(found["ua"], 4),
        "accuracy": round(found["accuracy"], 4),
        "confidence": round(float(probabilities.max(1).mean()), 4),
        "ece": round(metrics.expected_calibration_error(probabilities, labels), 4),
        "cross_entropy": round(negative_log_likelihood(logits, labels), 4),
        "recall": {e: round(float(r), 4) for e, r in zip(EMOTIONS, recall, strict=True) if np.isfinite(r)},
        "answered": {
            e: round(float(share), 4)
            for e, share in zip(EMOTIONS, confusion.sum(0) / max(1, len(labels)), strict=True)
        },
    }


def strangers(
    corpora: Mapping[str, LeftOut],
    trained: np.ndarray,
    answered: np.ndarray,
    lent: Sequence[LeftOut] = (),
) -> dict[str, dict[str, Any]]:
    """{corpus: scores, with its temperature} of corpora that can be measured, and their "mean"; the
    temperature of each is fitted on the others, so that it too has not seen the corpus.

    Args:
        corpora: {name: utterances}.
        trained: (C,) class frequencies that the logits are under.
        answered: (C,) those that are answered under.
        lent: utterances of other corpora that only help to fit temperatures.
    """
    kept, _ = usable(corpora)
    found: dict[str, dict[str, Any]] = {}
    for name, part in kept.items():
        others = [other for key, other in kept.items() if key != name]
        temperature = fit_temperature([*others, *lent], trained, answered)
        answering = Answering(temperature, trained, answered)
        found[name] = scores(answering.logits(part.logits), part.labels) | {
            "temperature": round(temperature, 4)
        }
    if found:
        found["mean"] = {k: round(float(np.mean([row[k] for row in found.values()])), 4) for k in MEANS}
    return found
