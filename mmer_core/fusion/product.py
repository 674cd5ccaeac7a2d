"""Product of calibrated experts: one classifier per modality, combined with prior correction.

If the modalities are independent given the class, Bayes' rule gives
    log p(y | x_1..x_M) = sum_m [log p(y | x_m) - log p_m(y)] + log p(y) + const,
where p_m is the class prior that expert m was trained under (Hinton 2002 for products of experts; Kittler et al. 1998 for the rule).
Weights soften it, because the modalities of a real clip are not independent. It needs no paired data, only calibrated experts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from mmer_core.features.batch import FeatureBatch
from mmer_core.fusion.model import FusionOutput
from mmer_core.labels import Modality, in_order, subset_name, subsets


class ProductOfExperts(nn.Module):
    """Experts (modules from (B, T, D), (B, T) to logits (B, C)) under one calibrated product.

    A subset S of the modalities answers softmax((log_prior_S + sum_m w[S, m] · (log_softmax(logits_m / t_m + shift_m) - log_prior_m)) / T_S),
    where shift_m takes back part of the class frequencies that expert m was trained under, log_prior_m is what remains of them, and log_prior_S
    is the mean of the experts' log priors, normalised: a modality alone answers exactly its own calibrated posterior (T is 1 there).
    Temperatures t and T and weights w are buffers fitted by `default_model.fusing` on held-out data, not by gradient descent with the experts.
    """

    def __init__(self, experts: Mapping[Modality, nn.Module], classes: int) -> None:
        super().__init__()
        self.modalities = in_order(experts)
        self.classes = classes
        self.experts = nn.ModuleDict({m.value: experts[m] for m in self.modalities})
        self.register_buffer("log_prior", torch.full((len(self.modalities), classes), -float(torch.tensor(float(classes)).log())))
        self.register_buffer("prior_shift", torch.zeros(len(self.modalities), classes))
        self.register_buffer("temperature", torch.ones(len(self.modalities)))
        # Row = bit mask of the subset (bit m set: modality m present).
        self.register_buffer("weight", torch.ones(2 ** len(self.modalities), len(self.modalities)))
        self.register_buffer("subset_temperature", torch.ones(2 ** len(self.modalities)))

    log_prior: Tensor  # (M, C)
    prior_shift: Tensor  # (M, C)
    temperature: Tensor  # (M,)
    weight: Tensor  # (2^M, M)
    subset_temperature: Tensor  # (2^M,)

    def mask_of(self, use: Collection[Modality]) -> int:
        """The row of `weight` for a subset."""
        return sum(1 << i for i, m in enumerate(self.modalities) if m in use)

    def subset_weights(self) -> dict[str, dict[str, float]]:
        """{subset name: {modality: weight}}, for the model card."""
        return {
            subset_name(s): {m.value: round(float(self.weight[self.mask_of(s), self.modalities.index(m)]), 4) for m in s}
            for s in subsets(self.modalities)
        }

    def subset_temperatures(self) -> dict[str, float]:
        """{subset name: T}, for the model card."""
        return {subset_name(s): round(float(self.subset_temperature[self.mask_of(s)]), 4) for s in subsets(self.modalities)}

    def combine(self, opinions: Mapping[Modality, Tensor], present: Tensor) -> tuple[Tensor, Tensor]:
        """Calibrated logits (B, C) and decision weights (B, M) from the experts' raw logits {modality: (B, C)}; `present` is (B, M) bool."""
        bits = torch.tensor([1 << i for i in range(len(self.modalities))])
        subset = (present * bits).sum(dim=1)
        weight = self.weight[subset] * present  # (B, M)
        log_prior = self.prior_of(present)
        logits = log_prior
        for i, modality in enumerate(self.modalities):
            evidence = self.evidence_of(i, opinions[modality])
            # where, not a product: NaN of an absent slot must not reach the sum.
            logits = logits + torch.where(present[:, i : i + 1], weight[:, i : i + 1] * evidence, torch.zeros(()))
        share = weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-9)
        return torch.log_softmax(logits / self.subset_temperature[subset, None], dim=-1), share

    def evidence_of(self, column: int, logits: Tensor) -> Tensor:
        """(B, C) what one expert's raw logits (B, C) say beyond its prior: log posterior minus log prior."""
        return torch.log_softmax(logits / self.temperature[column] + self.prior_shift[column], dim=-1) - self.log_prior[column]

    def prior_of(self, present: Tensor) -> Tensor:
        """(B, C) normalised mean log prior of the present experts; of all experts where none is present."""
        counted = torch.where(present.any(dim=1, keepdim=True), present, torch.ones_like(present)).float()
        mean = counted @ self.log_prior / counted.sum(dim=1, keepdim=True)
        return torch.log_softmax(mean, dim=-1)

    def opinions(self, batch: FeatureBatch) -> dict[Modality, Tensor]:
        """Raw logits {modality: (B, C)} of each expert; rows where the modality is absent are NaN."""
        result = {}
        for modality in self.modalities:
            here = batch.column(modality)
            logits = torch.full((len(batch), self.classes), torch.nan)
            if here.any():
                logits = logits.index_put(
                    (here.nonzero().squeeze(1),), self.experts[modality.value](batch.x[modality][here], batch.pad[modality][here])
                )
            result[modality] = logits
        return result

    def forward(self, batch: FeatureBatch) -> FusionOutput:
        opinions = self.opinions(batch)
        logits, share = self.combine(opinions, batch.present)
        return FusionOutput(logits, opinions, share)


class FrameLinear(nn.Module):
    """One linear classifier on every frame, its logits averaged over the frames that are not padding: (B, T, D), (B, T) -> (B, C)."""

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, classes)

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        keep = (~pad).unsqueeze(-1)
        logits = torch.where(keep, self.linear(x), torch.zeros(()))
        return logits.sum(dim=1) / keep.sum(dim=1).clamp(min=1)
