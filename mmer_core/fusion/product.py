"""Product of calibrated experts: one classifier for each modality, combined with prior correction.

If the modalities are independent given the class, Bayes' rule gives
    log p(y | x_1..x_M) = sum_m [log p(y | x_m) - log p_m(y)] + log p(y) + const,
where p_m is the class prior that expert m was trained under (Hinton 2002 for products of experts; Kittler et
al. 1998 for the rule). Weights of at most 1 take back what it counts twice, because the modalities of a real
clip are not independent. It needs no paired data, only calibrated experts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmer_core.config import JsonConfig
from mmer_core.features.batch import FeatureBatch
from mmer_core.fusion import FUSION_MODELS, heads
from mmer_core.fusion.base import (
    FusionNetwork,
    FusionOutput,
    SubsetOutput,
    presence,
    unimodal_cross_entropy,
)
from mmer_core.fusion.combination import combination_weights
from mmer_core.fusion.layers import ModalityFeatures, Pooling, Standardizer, perceptron, pooled_width
from mmer_core.fusion.subsets import stacked
from mmer_core.labels import Modality, parse_modality, subset_name, subsets
from mmer_core.uncertainty.calibration import fit_temperature

FEWEST = 20  # utterances from which the weights of a subset are fitted


@dataclass(frozen=True)
class ProductOptions(JsonConfig):
    """
    Attributes:
        pooling: how a sequence becomes a vector, for modalities without a head of their own.
        hidden: widths of the hidden layers of each modality's classifier.
        dropout: after each hidden layer.
        input_dropout: share of the features that are hidden in a training step.
        heads: {modality: {"name": registered head, "options": {...}}} of modalities that are not read by a
            perceptron.
    """

    pooling: Pooling = "mean"
    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.5
    input_dropout: float = 0.3
    heads: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for modality, head in dict(self.heads).items():
            if not isinstance(head, Mapping) or "name" not in head:
                raise ValueError(
                    f'the head of {modality} cannot be {head!r}: write {{"name": "frames", "options": {{}}}}'
                )


class UnscaledInput(Standardizer):
    """The sequence as the encoder gives it, for a head that standardises it itself."""

    def __init__(self, modality: Modality, dim: int) -> None:
        super().__init__(modality, dim)
        for name, value in list(self.named_buffers()):
            self.register_buffer(name, value, persistent=False)

    def forward(self, batch: FeatureBatch) -> ModalityFeatures:
        """The features as they are in the batch."""
        return self.observe(batch)

    def fit(self, batch: FeatureBatch) -> None:
        """Fit nothing."""


@FUSION_MODELS.register("product", description="one network per modality, product of their probabilities")
class ProductOfExperts(FusionNetwork):
    """A classifier for each modality under one calibrated product.

    A subset S of the modalities answers softmax(log_prior_S + sum_m w[S, m] · (log_softmax(logits_m / t_m +
    shift_m) - log_prior_m)), where shift_m takes back part of the class frequencies that expert m was trained
    under, log_prior_m is what remains of them, and log_prior_S is the mean of the experts' log priors,
    normalised: a modality alone answers exactly its own calibrated posterior. Temperatures t and weights w
    are buffers that `fit_combination` sets, not gradient descent.
    """

    Options = ProductOptions
    options: ProductOptions
    parts: ClassVar[str | None] = "unimodal"
    combines: ClassVar[bool] = True
    expert_log_prior: Tensor  # (M, C)
    prior_shift: Tensor  # (M, C)
    temperature: Tensor  # (M,)
    weight: Tensor  # (2^M, M), row = bit mask of the subset (bit m set: modality m present)

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, options)
        o, count = self.options, len(self.modalities)
        self.heads = {parse_modality(m): head for m, head in o.heads.items()}
        if extra := [m for m in self.heads if m not in self.dims]:
            raise ValueError(f"heads names {extra[0]}, which this network does not read: leave it out")
        self.standardizers = nn.ModuleDict(
            {
                m: UnscaledInput(m, dim) if m in self.heads else Standardizer(m, dim, o.pooling)
                for m, dim in self.dims.items()
            }
        )
        self.input_dropout = nn.Dropout(o.input_dropout)
        self.classifiers = nn.ModuleDict({m: self._classifier(m) for m in self.modalities})
        self.register_buffer("expert_log_prior", self.log_prior.repeat(count, 1))
        self.register_buffer("prior_shift", torch.zeros(count, classes))
        self.register_buffer("temperature", torch.ones(count))
        self.register_buffer("weight", torch.ones(2**count, count))

    def _classifier(self, modality: Modality) -> nn.Module:
        o = self.options
        if modality not in self.heads:
            width = pooled_width(self.dims[modality], o.pooling)
            return perceptron((width, *o.hidden, self.classes), o.dropout)
        head = self.heads[modality]
        return heads.create(head["name"], self.dims[modality], self.classes, **head.get("options", {}))

    def experts(self, inputs: Mapping[Modality, ModalityFeatures]) -> dict[Modality, Tensor]:
        """Raw logits {modality: (B, C)} of each expert; rows where the modality is absent are finite."""
        return {m: self._expert(m, inputs[m]) for m in self.modalities}

    def _expert(self, modality: Modality, features: ModalityFeatures) -> Tensor:
        if modality not in self.heads:
            logits: Tensor = self.classifiers[modality](self.input_dropout(features.vector))
            return logits
        # An absent utterance gets one frame of zeros, so that no head averages over nothing.
        first = features.valid[:, :1] | ~features.present[:, None]
        logits = self.classifiers[modality](features.x, ~torch.cat([first, features.valid[:, 1:]], 1))
        return logits

    def fuse(self, inputs: dict[Modality, ModalityFeatures]) -> FusionOutput:
        unimodal = self.experts(inputs)
        logits, shares = self.combine(unimodal, presence(inputs))
        return FusionOutput(logits, unimodal, shares)

    def subset_outputs(
        self,
        inputs: dict[Modality, ModalityFeatures],
        subsets: Sequence[Collection[Modality]],
        temperature: Mapping[Modality, Tensor] | None = None,
    ) -> SubsetOutput:
        """As in `FusionNetwork`; each expert is asked once, and `temperature` divides its own logits."""
        scale, present = temperature or {}, presence(inputs)
        unimodal = {
            m: logits / scale[m][:, None] if m in scale else logits
            for m, logits in self.experts(inputs).items()
        }
        outputs = []
        for subset in subsets:
            on = present & torch.tensor([m in subset for m in self.modalities], device=present.device)
            logits, shares = self.combine(unimodal, on)
            outputs.append(self.settled(FusionOutput(logits, {}, shares), on))
        return stacked(outputs, (), ())

    def combine(self, unimodal: Mapping[Modality, Tensor], present: Tensor) -> tuple[Tensor, Tensor]:
        """Log probabilities (B, C) and shares of the decision (B, M) from the experts' raw logits {modality:
        (B, C)}; `present` is (B, M) bool.
        """
        weight = self.weight[self._mask(present)] * present
        logits = self.prior_of(present)
        for i, modality in enumerate(self.modalities):
            ratio = self.log_ratio_of(i, unimodal[modality])
            # where, not a product: NaN of an absent slot must not reach the sum.
            logits = logits + torch.where(present[:, i : i + 1], weight[:, i : i + 1] * ratio, 0.0)
        return torch.log_softmax(logits, dim=-1), self.shares(present)

    def shares(self, present: Tensor) -> Tensor:
        """(B, M) share of each modality in the decision, 0 where absent; `present` is (B, M) bool."""
        weight = self.weight[self._mask(present)] * present
        return weight / weight.sum(dim=1, keepdim=True).clamp(min=1e-9)

    def _mask(self, present: Tensor) -> Tensor:
        """(B,) rows of `weight`."""
        return (present * (1 << torch.arange(len(self.modalities), device=present.device))).sum(dim=1)

    def log_ratio_of(self, column: int, logits: Tensor) -> Tensor:
        """(B, C) log posterior minus log prior of one expert, from its raw logits (B, C)."""
        posterior = logits / self.temperature[column] + self.prior_shift[column]
        return torch.log_softmax(posterior, dim=-1) - self.expert_log_prior[column]

    def prior_of(self, present: Tensor) -> Tensor:
        """(B, C) normalised mean log prior of the present experts; of all experts where none is present."""
        counted = torch.where(present.any(dim=1, keepdim=True), present, torch.ones_like(present)).float()
        mean = counted @ self.expert_log_prior / counted.sum(dim=1, keepdim=True)
        return torch.log_softmax(mean, dim=-1)

    def loss(
        self, output: FusionOutput, y: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0
    ) -> Tensor:
        """The sum of the experts' own losses, so that none leans on another."""
        return unimodal_cross_entropy(output, y, weight=weight, label_smoothing=label_smoothing)

    def set_prior(self, probabilities: Tensor) -> None:
        """As in `FusionNetwork`; all experts are taken to be trained under this prior."""
        super().set_prior(probabilities)
        self.expert_log_prior.copy_(self.log_prior.expand_as(self.expert_log_prior))

    @torch.no_grad()
    def fit_combination_to(self, unimodal: Mapping[Modality, Tensor], y: Tensor) -> None:
        """Fit each expert's temperature, and the weights of every subset that `FEWEST` utterances have."""
        y = y.to(self.weight.device)
        unimodal = {m: unimodal[m].to(self.weight.device) for m in self.modalities}
        present = torch.stack([logits[:, 0].isfinite() for logits in unimodal.values()], 1)
        for i, modality in enumerate(self.modalities):
            rows = present[:, i]
            self.temperature[i] = fit_temperature(
                unimodal[modality][rows].cpu().numpy(), y[rows].cpu().numpy()
            )
        for subset in subsets(self.modalities):
            columns = [self.modalities.index(m) for m in subset]
            rows = present[:, columns].all(1)
            if len(subset) > 1 and int(rows.sum()) >= FEWEST:
                self.fit_weights(subset, {m: unimodal[m][rows] for m in subset}, y[rows])

    def fit_weights(self, subset: Sequence[Modality], unimodal: Mapping[Modality, Tensor], y: Tensor) -> None:
        """Set the weights of one subset to those of least cross-entropy.

        Args:
            subset: K modalities, in order.
            unimodal: {modality: (N, C)} raw logits of its experts.
            y: (N,) int64 class indices.
        """
        columns = [self.modalities.index(m) for m in subset]
        ratios = torch.stack([self.log_ratio_of(c, unimodal[self.modalities[c]]) for c in columns], dim=1)
        log_prior = self.prior_of(torch.tensor([[m in subset for m in self.modalities]], device=y.device))
        self.weight[self.mask_of(subset), columns] = combination_weights(ratios.detach(), log_prior, y)

    def mask_of(self, use: Collection[Modality]) -> int:
        """The row of `weight` for a subset."""
        return sum(1 << i for i, m in enumerate(self.modalities) if m in use)

    def subset_weights(self) -> dict[str, dict[str, float]]:
        """{subset name: {modality: weight}}, for the model card."""
        return {
            subset_name(s): {
                m.value: round(float(self.weight[self.mask_of(s), self.modalities.index(m)]), 4) for m in s
            }
            for s in subsets(self.modalities)
        }
