"""Selective prediction: an answer below a threshold is called unsure, and the threshold is chosen for a
stated coverage.

Coverage is the share of inputs that get a plain answer, risk how often those answers are wrong (Geifman and
El-Yaniv 2017).
"""

from __future__ import annotations

import numpy as np

from mmer_core.uncertainty.calibration import risk_coverage

COVERAGE = 0.8  # of held-out inputs that get a plain answer
CURVE_POINTS = 20


def threshold_at(probabilities: np.ndarray, coverage: float = COVERAGE) -> float:
    """The probability that the most probable class reaches in a share `coverage` of the held-out inputs.

    Args:
        probabilities: (N, C) of inputs that were not trained on, N at least 1.
        coverage: in (0, 1].

    Raises:
        ValueError: a coverage outside (0, 1].
    """
    if not 0 < coverage <= 1:
        raise ValueError(
            f"a coverage of {coverage} is not a share of the inputs: give a number above 0 and up to 1"
        )
    return float(np.quantile(probabilities.max(axis=1), 1 - coverage, method="lower"))


def answered(probabilities: np.ndarray, truth: np.ndarray, threshold: float) -> dict[str, float]:
    """The effect of a threshold on other inputs: coverage, risk among the answered, and the risk of always
    answering, all in [0, 1].

    Args:
        probabilities: (N, C).
        truth: (N,) class indices.
        threshold: the most probable class must reach it.
    """
    return risks(probabilities.max(axis=1) >= threshold, probabilities.argmax(axis=1) != truth)


def risks(plain: np.ndarray, wrong: np.ndarray) -> dict[str, float]:
    """Coverage, risk among the answered, and the risk of always answering, all in [0, 1].

    Args:
        plain: (N,) bool, whether an answer is given plainly.
        wrong: (N,) bool, whether it is wrong.
    """
    return {
        "coverage": float(plain.mean()),
        "risk": float(wrong[plain].mean()) if plain.any() else 0.0,
        "risk_of_all": float(wrong.mean()),
    }


def risk_curve(probabilities: np.ndarray, truth: np.ndarray, points: int = CURVE_POINTS) -> list[list[float]]:
    """[[coverage, risk], ...] at `points` coverages up to 1, for a figure."""
    coverage, risk = risk_coverage(probabilities, truth)
    rows = np.ceil(np.arange(1, points + 1) / points * len(coverage)).astype(int) - 1
    return [[round(float(coverage[i]), 4), round(float(risk[i]), 4)] for i in rows]
