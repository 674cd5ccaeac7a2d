"""How much less sure the voice network must be of recordings that are unlike those it learned from.

Whoever records a clip for the app is in no corpus. So the network is also trained without one of its corpora at a time, and asked about the
recordings of that one: other people in another studio. It is right far less often there, and nearly as sure as ever. `Familiarity.caution`
softens its answers with the distance from the training data, and is fitted here so that both speakers of the known corpora and whole corpora that
were not heard are answered with believable probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from mmer_core import metrics
from mmer_core.calibration import fit_temperature, log_softmax, negative_log_likelihood
from mmer_core.familiarity import softening
from mmer_core.labels import EMOTIONS

_STEEPEST = 5.0  # largest caution that is tried
_WIDEST = 2.0  # of the logarithm of the temperature


@dataclass(frozen=True)
class Distant:
    """Answers to N recordings that were not learned: logits (N, C), class indices (N,), and their distances from what was learned, (N,)."""

    logits: np.ndarray
    labels: np.ndarray
    distances: np.ndarray

    @classmethod
    def of(cls, rows: pd.DataFrame) -> Distant:
        """From a table of `voice.validation_table`, as recorded."""
        logits = rows[[f"logit_{name}" for name in EMOTIONS]].to_numpy(np.float64)
        return cls(logits, np.array([EMOTIONS.index(label) for label in rows["label"]]), rows["distance"].to_numpy(np.float64))

    def softened(self, caution: float, temperature: float) -> np.ndarray:
        """(N, C) log probabilities."""
        return log_softmax(self.logits / (temperature * softening(self.distances, caution)[:, None]))


def fit_caution(heard: Distant, unheard: Sequence[Distant]) -> tuple[float, float]:
    """The caution and the temperature with the least cross-entropy, of which half is that of unheard speakers of known corpora, and half that of
    corpora that were not heard, each counted alike."""

    def loss(at: np.ndarray) -> float:
        caution, temperature = float(at[0]), float(np.exp(at[1]))
        apart = [negative_log_likelihood(part.softened(caution, temperature), part.labels) for part in unheard]
        return negative_log_likelihood(heard.softened(caution, temperature), heard.labels) + float(np.mean(apart))

    found = minimize(loss, x0=np.array([0.5, 0.0]), method="Nelder-Mead", bounds=[(0.0, _STEEPEST), (-_WIDEST, _WIDEST)])
    return round(float(found.x[0]), 4), float(np.exp(found.x[1]))


def unheard_figures(heard: Distant, unheard: Mapping[str, Distant]) -> dict[str, dict[str, float]]:
    """Scores on each corpus that was not heard, and calibration there without and with a caution.

    The temperature without caution is that of unheard speakers of known corpora; caution and temperature together are fitted on these and on the
    other corpora that were not heard.
    """
    figures, temperature = {}, fit_temperature(heard.logits, heard.labels)
    for name, part in unheard.items():
        others = [other for key, other in unheard.items() if key != name]
        plain = part.softened(0.0, temperature)
        cautious = part.softened(*fit_caution(heard, others))
        scores = metrics.score_predictions(part.labels, plain)
        for what, answers in (("", plain), ("_with_caution", cautious)):
            scores[f"ece{what}"] = metrics.expected_calibration_error(np.exp(answers), part.labels)
            scores[f"cross_entropy{what}"] = negative_log_likelihood(answers, part.labels)
        figures[name] = {k: round(v, 4) for k, v in scores.items()}
    return figures
