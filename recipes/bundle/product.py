"""Fitting the product of experts to what its experts say of corpora that they have not seen.

Each expert's temperature is that of the left-out corpora, each counted alike; the weights are fitted on
label-matched draws (see `held_out`), for the card on one half of the groups, to be scored on the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from mmer_core import metrics
from mmer_core.fusion.product import ProductOfExperts
from mmer_core.labels import Modality, subset_name, subsets
from mmer_core.uncertainty import selective_prediction
from mmer_core.uncertainty.calibration import fit_temperature, log_softmax
from mmer_core.uncertainty.selective_prediction import threshold_at
from recipes import left_out
from recipes.bundle.held_out import HeldOut, matched_draws

DRAWS = 20_000
Subset = tuple[Modality, ...]


@dataclass
class FittedProduct:
    """A product whose combination is fitted.

    Attributes:
        network: the product; its buffers are set by `fit`.
        temperatures: {subset of modalities: T}, by which its logits are divided after the product.
        seed: of the draws.
        draws: number of clips that are put together for each purpose.
        mismatch: share of the utterances in draws of several modalities that show another emotion.
    """

    network: ProductOfExperts
    seed: int = 0
    draws: int = DRAWS
    mismatch: float = 0.0
    temperatures: dict[str, float] = field(default_factory=dict)

    @torch.no_grad()
    def fit(
        self,
        held_out: Mapping[Modality, HeldOut],
        priors: Mapping[Modality, np.ndarray],
        answered: Mapping[Modality, np.ndarray] | None = None,
    ) -> None:
        """Fit temperatures and weights.

        Args:
            held_out: what each expert says of corpora that it has not seen.
            priors: {modality: (C,) class frequencies that its expert was trained under}.
            answered: {modality: (C,) those that it answers under}; the same where not given.
        """
        network = self.network
        for i, modality in enumerate(network.modalities):
            prior = priors[modality]
            frequencies = (answered or {}).get(modality, prior)
            log_prior = np.log(frequencies)
            network.prior_shift[i] = torch.from_numpy(log_prior - np.log(prior))
            network.expert_log_prior[i] = torch.log_softmax(torch.from_numpy(log_prior), dim=0)
            own = held_out[modality]
            network.temperature[i] = left_out.fit_temperature(
                [*own.corpora.values(), *own.lent.values()], prior, frequencies
            )
        nothing = torch.zeros(1, len(network.modalities), dtype=torch.bool)
        network.log_prior.copy_(network.prior_of(nothing)[0])
        for subset in subsets(network.modalities):
            self.temperatures[subset_name(subset)] = 1.0
            if len(subset) > 1:
                parts = {m: held_out[m] for m in subset}
                drawn, labels = matched_draws(parts, self.prior(subset), self.draws, self.seed, self.mismatch)
                network.fit_weights(subset, drawn, labels)
                probabilities, truth = self.probabilities(held_out, subset, self.seed)
                temperature = fit_temperature(np.log(np.maximum(probabilities, 1e-30)), truth)
                self.temperatures[subset_name(subset)] = temperature

    def prior(self, subset: Subset) -> np.ndarray:
        """(C,) float64 class frequencies under which a subset answers."""
        present = torch.tensor([[m in subset for m in self.network.modalities]])
        prior = self.network.prior_of(present)[0].double().exp().numpy()
        return np.asarray(prior / prior.sum())

    @torch.inference_mode()
    def log_probabilities(self, unimodal: Mapping[Modality, torch.Tensor], subset: Subset) -> np.ndarray:
        """(N, C) of a subset from the raw logits {modality: (N, C)} of its experts."""
        network = self.network
        count = len(unimodal[subset[0]])
        filled = {
            m: unimodal.get(m, torch.full((count, network.classes), torch.nan)) for m in network.modalities
        }
        present = torch.tensor([[m in subset for m in network.modalities]]).expand(count, -1)
        logits = network.combine({m: z.float() for m, z in filled.items()}, present)[0].numpy()
        return log_softmax(logits / self.temperatures[subset_name(subset)])

    def probabilities(
        self, held_out: Mapping[Modality, HeldOut], subset: Subset, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities (N, C) and truth (N,) on matched draws with the class frequencies of the subset."""
        parts = {m: held_out[m] for m in subset}
        mismatch = self.mismatch if len(subset) > 1 else 0.0
        drawn, labels = matched_draws(parts, self.prior(subset), self.draws, seed, mismatch)
        return np.exp(self.log_probabilities(drawn, subset)), labels.numpy()

    def unsure_below(self, held_out: Mapping[Modality, HeldOut]) -> float:
        """The probability below which an answer is unsure: `selective_prediction.COVERAGE` of the modalities'
        own held-out answers reach it.

        One threshold for all subsets, so that 60 % means the same whatever it rests on; and found on real
        utterances, not on matched draws.
        """
        alone = [self.probabilities(held_out, (m,), self.seed + 2)[0] for m in self.network.modalities]
        return round(threshold_at(np.concatenate(alone)), 4)

    def scores(self, held_out: Mapping[Modality, HeldOut], threshold: float) -> dict[str, dict[str, Any]]:
        """Figures of every subset on matched draws.

        Args:
            held_out: other utterances than those of `fit`.
            threshold: see `unsure_below`.

        Returns:
            {subset: n, accuracy, ua, macro_f1, weighted_f1, ece; unsure: coverage, risk, risk_of_all;
            risk_curve: [[coverage, risk], ...]}.
        """
        result = {}
        for subset in subsets(self.network.modalities):
            probabilities, truth = self.probabilities(held_out, subset, self.seed + 1)
            scores: dict[str, Any] = metrics.score_predictions(truth, probabilities)
            scores["ece"] = metrics.expected_calibration_error(probabilities, truth)
            scores = {k: round(v, 4) for k, v in scores.items()}
            unsure = selective_prediction.answered(probabilities, truth, threshold)
            scores["unsure"] = {k: round(v, 4) for k, v in unsure.items()}
            scores["risk_curve"] = selective_prediction.risk_curve(probabilities, truth)
            result[subset_name(subset)] = scores
        return result
