"""Agreement of the modalities of a finished run, and its expected scores as modalities go missing, exact,
from its stored out-of-fold predictions.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mmer_core.labels import Modality
from mmer_core.runs.subset_predictions import SubsetPredictions

#: Scores that are means over clips, so that their expectation under missing modalities is exact.
MEANS = ("accuracy", "ua")


@dataclass(frozen=True)
class Case:
    """The clips on which two modalities agree or differ in one way.

    Attributes:
        kind: "both right", "only first right", "only second right", "same error" or "different errors".
        n: how many clips.
        share: of all clips, in [0, 1].
        fused_right: accuracy with all modalities in them, in [0, 1]; NaN without clips.
    """

    kind: str
    n: int
    share: float
    fused_right: float


@dataclass(frozen=True)
class Robustness:
    """Expected score when a share of the clips lacks something; every curve (Q,) float64 in [0, 1].

    Attributes:
        missing: (Q,) the share of clips concerned.
        without: {modality: curve}, when those clips lack this modality.
        random: they lack one modality drawn at random.
        worst: each lacks the one modality whose loss hurts it most; a lower bound of `without` and `random`.
        independent: every modality of every clip is missing with this probability, whatever the others; with
            none left the class prior decides.
    """

    missing: np.ndarray
    without: dict[Modality, np.ndarray]
    random: np.ndarray
    worst: np.ndarray
    independent: np.ndarray


def disagreement(predictions: SubsetPredictions, first: Modality, second: Modality) -> list[Case]:
    """Agreement of two modalities, each on its own: 5 cases, of which every clip is in one."""
    one, other = predictions.predicted[frozenset({first})], predictions.predicted[frozenset({second})]
    right_one, right_other = one == predictions.truth, other == predictions.truth
    kinds = {
        "both right": right_one & right_other,
        "only first right": right_one & ~right_other,
        "only second right": ~right_one & right_other,
        "same error": ~right_one & (one == other),
        "different errors": ~right_one & ~right_other & (one != other),
    }
    fused = predictions.right(predictions.full)
    counts = {kind: int(clips.sum()) for kind, clips in kinds.items()}
    return [
        Case(
            kind,
            counts[kind],
            counts[kind] / len(fused),
            int(fused[clips].sum()) / counts[kind] if counts[kind] else float("nan"),
        )
        for kind, clips in kinds.items()
    ]


def robustness(predictions: SubsetPredictions, missing: np.ndarray, metric: str = "accuracy") -> Robustness:
    """The expected score as modalities go missing, exact: both scores are means over clips, and so is their
    expectation.

    Args:
        missing: (Q,) shares in [0, 1].
        metric: one of `MEANS`.

    Raises:
        ValueError: another metric.
    """
    if metric not in MEANS:
        raise ValueError(f"the expected {metric!r} has no exact value: choose one of {', '.join(MEANS)}")
    q = np.asarray(missing, dtype=np.float64)
    weight = _weights(predictions.truth, metric)
    full = weight @ predictions.right(predictions.full)
    lacking = {m: predictions.right(predictions.full - {m}) for m in predictions.modalities}

    def curve(score: float) -> np.ndarray:
        return np.asarray((1 - q) * full + q * score)

    scores = {m: float(weight @ right) for m, right in lacking.items()}
    independent = np.zeros_like(q)
    M = len(predictions.modalities)
    for size in range(M + 1):
        for subset in combinations(predictions.modalities, size):
            independent += (1 - q) ** size * q ** (M - size) * (weight @ predictions.right(frozenset(subset)))
    return Robustness(
        q,
        {m: curve(s) for m, s in scores.items()},
        curve(float(np.mean(list(scores.values())))),
        curve(float(weight @ np.logical_and.reduce(list(lacking.values())))),
        independent,
    )


def _weights(truth: np.ndarray, metric: str) -> np.ndarray:
    """(N,): what each clip counts, so that the weighted sum of right answers is the score."""
    if metric == "accuracy":
        return np.full(len(truth), 1 / len(truth))
    support = np.bincount(truth)
    return 1 / (support[truth] * np.count_nonzero(support))
