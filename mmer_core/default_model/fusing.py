"""Fit the product of experts on held-out predictions of its experts, without paired data.

No corpus at hand has words, voice and face of the same people. So clips are put together from held-out utterances that share a label
(a text, a voice and a face of the same class); temperatures and weights are fitted on one half of the utterances and scored on the other.
Groups (speakers, dialogues) never stand on both sides of that cut. What such draws cannot show is how the modalities of one real
person depend on each other: figures on them are an upper bound, and are labelled so on the model card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from mmer_core import abstention, metrics
from mmer_core.abstention import threshold_at
from mmer_core.calibration import fit_temperature
from mmer_core.familiarity import softening
from mmer_core.fusion.product import ProductOfExperts
from mmer_core.labels import EMOTIONS, Modality, subset_name, subsets

DRAWS = 20_000
#: Weights above 1 would claim more than independence gives; real modalities depend on each other, so they may only be softened.
WEIGHT_RANGE = (0.05, 1.0)


@dataclass(frozen=True)
class HeldOut:
    """What one expert said about utterances it was not trained on: logits (N, C) float32, labels (N,), groups (N,) str."""

    logits: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    @classmethod
    def read(cls, path: Path, caution: float = 0.0) -> HeldOut:
        """Read a parquet table with columns label, group and logit_<emotion>; with a caution also distance, by which the logits are softened."""
        table = pd.read_parquet(path)
        logits = table[[f"logit_{name}" for name in EMOTIONS]].to_numpy(np.float32)
        if caution:
            logits = logits / softening(table["distance"].to_numpy(np.float32), caution)[:, None]
        return cls(np.ascontiguousarray(logits), table["label"].map(EMOTIONS.index).to_numpy(), table["group"].astype(str).to_numpy())

    def halves(self, seed: int) -> tuple[HeldOut, HeldOut]:
        """A cut by group into two halves of about equal size."""
        rng = np.random.default_rng(seed)
        groups, sizes = np.unique(self.groups, return_counts=True)
        order = rng.permutation(len(groups))
        first = set(groups[order][np.cumsum(sizes[order]) <= len(self.groups) / 2])
        inside = np.array([g in first for g in self.groups])
        return self._rows(inside), self._rows(~inside)

    def _rows(self, mask: np.ndarray) -> HeldOut:
        return HeldOut(self.logits[mask], self.labels[mask], self.groups[mask])


def matched_draws(parts: Mapping[Modality, HeldOut], prior: np.ndarray, count: int, seed: int) -> tuple[dict[Modality, Tensor], Tensor]:
    """`count` clips put together from utterances of the same class: ({modality: logits (count, C)}, labels (count,)); classes follow `prior`."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(prior), size=count, p=prior)
    drawn = {}
    for modality, part in parts.items():
        index = np.empty(count, dtype=np.int64)
        for c in range(len(prior)):
            pool = np.flatnonzero(part.labels == c)
            if len(pool) == 0:
                raise ValueError(
                    f"the held-out {modality} predictions have no {EMOTIONS[c]}: add such utterances or fewer groups to the held-out part"
                )
            index[labels == c] = rng.choice(pool, size=int((labels == c).sum()))
        drawn[modality] = torch.from_numpy(part.logits[index])
    return drawn, torch.from_numpy(labels)


def fit_product(
    model: ProductOfExperts,
    held_out: Mapping[Modality, HeldOut],
    priors: Mapping[Modality, np.ndarray],
    seed: int,
    answered: Mapping[Modality, np.ndarray] | None = None,
) -> None:
    """Set the buffers of `model`; temperatures and weights are fitted.

    Args:
        priors: {modality: (C,) the class frequencies its expert was trained under}.
        answered: {modality: (C,) those that it answers under}; the same where not given.
    """
    for i, modality in enumerate(model.modalities):
        part, prior = held_out[modality], priors[modality]
        frequency = np.bincount(part.labels, minlength=model.classes) / len(part.labels)
        class_weight = np.where(frequency > 0, prior / np.maximum(frequency, 1e-9), 0.0)
        log_prior = np.log((answered or {}).get(modality, prior))
        model.prior_shift[i] = torch.from_numpy(log_prior - np.log(prior))
        model.log_prior[i] = torch.log_softmax(torch.from_numpy(log_prior), dim=0)
        model.temperature[i] = fit_temperature(part.logits, part.labels, class_weight)
    for subset in subsets(model.modalities):
        if len(subset) > 1:
            row = model.mask_of(subset)
            model.subset_temperature[row] = 1.0
            _fit_weights(model, held_out, subset, seed)
            probabilities, truth = answers(model, held_out, subset, seed)
            model.subset_temperature[row] = fit_temperature(np.log(np.maximum(probabilities, 1e-30)), truth)


def subset_prior(model: ProductOfExperts, subset: tuple[Modality, ...]) -> np.ndarray:
    """(C,) the class prior under which a subset answers."""
    present = torch.tensor([[m in subset for m in model.modalities]])
    prior = model.prior_of(present)[0].double().exp().numpy()
    return prior / prior.sum()


def _fit_weights(model: ProductOfExperts, held_out: Mapping[Modality, HeldOut], subset: tuple[Modality, ...], seed: int) -> None:
    """Weights of one subset, by minimising cross-entropy on matched draws."""
    drawn, labels = matched_draws({m: held_out[m] for m in subset}, subset_prior(model, subset), DRAWS, seed)
    columns = [model.modalities.index(m) for m in subset]
    evidence = torch.stack([model.evidence_of(c, drawn[m]) for m, c in zip(subset, columns, strict=True)], dim=1)
    log_prior = model.prior_of(torch.tensor([[m in subset for m in model.modalities]]))
    weight = torch.full((len(subset),), 0.7, requires_grad=True)
    optimiser = torch.optim.Adam([weight], lr=0.02)
    for _ in range(300):
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(log_prior + (weight.unsqueeze(-1) * evidence).sum(dim=1), labels)
        loss.backward()
        optimiser.step()
        with torch.no_grad():
            weight.clamp_(*WEIGHT_RANGE)
    model.weight[model.mask_of(subset), columns] = weight.detach()


@torch.inference_mode()
def answers(model: ProductOfExperts, held_out: Mapping[Modality, HeldOut], subset: tuple[Modality, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What a subset says to matched draws: probabilities (DRAWS, C) and truth (DRAWS,), classes as in the subset's prior."""
    drawn, labels = matched_draws({m: held_out[m] for m in subset}, subset_prior(model, subset), DRAWS, seed)
    filled = {m: drawn.get(m, torch.full((DRAWS, model.classes), torch.nan)) for m in model.modalities}
    present = torch.tensor([[m in subset for m in model.modalities]]).expand(DRAWS, -1)
    return model.combine(filled, present)[0].double().exp().numpy(), labels.numpy()


def unsure_below(model: ProductOfExperts, held_out: Mapping[Modality, HeldOut], seed: int) -> float:
    """The probability below which an answer is unsure: `abstention.COVERAGE` of the modalities' own held-out answers reach it.

    One threshold for all subsets, so that 60 % means the same whatever it rests on; and found on real utterances, not on draws.
    """
    alone = [answers(model, held_out, (m,), seed + 2)[0] for m in model.modalities]
    return round(threshold_at(np.concatenate(alone)), 4)


def score_product(model: ProductOfExperts, held_out: Mapping[Modality, HeldOut], threshold: float, seed: int) -> dict[str, dict[str, Any]]:
    """Figures on matched draws from `held_out`, for every subset.

    Args:
        threshold: as `unsure_below` found it on other utterances.

    Returns:
        {subset: n, accuracy, ua, macro_f1, weighted_f1, ece; unsure: coverage, risk, risk_of_all; risk_curve: [[coverage, risk], ...]}.
    """
    result = {}
    for subset in subsets(model.modalities):
        probabilities, truth = answers(model, held_out, subset, seed + 1)
        scores: dict[str, Any] = metrics.score_predictions(truth, probabilities)
        scores["ece"] = metrics.expected_calibration_error(probabilities, truth)
        scores = {k: round(v, 4) for k, v in scores.items()}
        scores["unsure"] = {k: round(v, 4) for k, v in abstention.answered(probabilities, truth, threshold).items()}
        scores["risk_curve"] = abstention.risk_curve(probabilities, truth)
        result[subset_name(subset)] = scores
    return result
