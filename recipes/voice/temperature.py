"""The distance-scaled temperature of the voice network: how much less sure it must be of recordings that are
unlike its training data.

Whoever records a clip for the app is in no corpus. So the network is also trained without one of its corpora
at a time, and asked about the recordings of that one: other people in another studio. It is right far less
often there, and nearly as sure as ever. `MahalanobisDetector.temperature_slope` raises the temperature with
the distance from the training data, and is fitted here so that both unseen speakers of the training corpora
and whole unseen corpora get calibrated probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from mmer_core import metrics
from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import fit_temperature, log_softmax, negative_log_likelihood
from mmer_core.uncertainty.out_of_distribution import distance_temperature

_STEEPEST = 5.0  # largest slope that is tried
_WIDEST = 2.0  # of the logarithm of the temperature


@dataclass(frozen=True)
class UnseenRecordings:
    """N recordings outside the training data: logits (N, C), class indices (N,), and their distances from the
    training data, (N,).
    """

    logits: np.ndarray
    labels: np.ndarray
    distances: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame) -> UnseenRecordings:
        """From a table of `folds.validation_table`, as recorded."""
        logits = rows[[f"logit_{name}" for name in EMOTIONS]].to_numpy(np.float64)
        labels = np.array([EMOTIONS.index(label) for label in rows["label"]])
        return cls(logits, labels, rows["distance"].to_numpy(np.float64))

    def log_probabilities(self, temperature_slope: float, temperature: float) -> np.ndarray:
        """(N, C) at a temperature that rises with the distance."""
        scale = temperature * distance_temperature(self.distances, temperature_slope)
        return log_softmax(self.logits / scale[:, None])


def fit_temperature_slope(
    speakers: UnseenRecordings, corpora: Sequence[UnseenRecordings]
) -> tuple[float, float]:
    """The slope and the temperature with the least cross-entropy, half of which is that of unseen speakers of
    the training corpora, and half that of unseen corpora, each counted alike.
    """

    def loss(at: np.ndarray) -> float:
        slope, temperature = float(at[0]), float(np.exp(at[1]))
        near, *far = (
            negative_log_likelihood(part.log_probabilities(slope, temperature), part.labels)
            for part in (speakers, *corpora)
        )
        return near + float(np.mean(far))

    bounds = [(0.0, _STEEPEST), (-_WIDEST, _WIDEST)]
    found = minimize(loss, x0=np.array([0.5, 0.0]), method="Nelder-Mead", bounds=bounds)
    return round(float(found.x[0]), 4), float(np.exp(found.x[1]))


def unseen_corpora_figures(
    speakers: UnseenRecordings, corpora: Mapping[str, UnseenRecordings]
) -> dict[str, dict[str, float]]:
    """{corpus: scores}, and its calibration at one temperature and ("_scaled") at a distance-scaled one.

    The one temperature is that of unseen speakers of the training corpora; slope and temperature together are
    fitted on these and on the other unseen corpora.
    """
    figures, temperature = {}, fit_temperature(speakers.logits, speakers.labels)
    for name, part in corpora.items():
        others = [other for key, other in corpora.items() if key != name]
        plain = part.log_probabilities(0.0, temperature)
        scaled = part.log_probabilities(*fit_temperature_slope(speakers, others))
        scores = metrics.score_predictions(part.labels, plain)
        for suffix, log_probabilities in (("", plain), ("_scaled", scaled)):
            probabilities = np.exp(log_probabilities)
            scores[f"ece{suffix}"] = metrics.expected_calibration_error(probabilities, part.labels)
            scores[f"cross_entropy{suffix}"] = negative_log_likelihood(log_probabilities, part.labels)
        figures[name] = {k: round(v, 4) for k, v in scores.items()}
    return figures
