"""Late fusion: a classifier for each modality, then one decision from their opinions (systems S0 and S2)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core.config import JsonConfig
from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.layers import Evidence, Pooling, perceptron, pooled_width, readers
from mmer_core.fusion.model import FusionNetwork, FusionOutput, masked_cross_entropy, presence
from mmer_core.labels import Modality


@dataclass(frozen=True)
class LateOptions(JsonConfig):
    """
    Attributes:
        pooling: how a sequence becomes a vector.
        hidden: widths of the hidden layers of each modality's classifier.
        dropout: after each hidden layer.
    """

    pooling: Pooling = "mean"
    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.0


class LateFusion(FusionNetwork):
    """S0's unimodal classifier for each modality; a subclass says how the opinions are combined.

    The classifiers are trained side by side, each with its own cross-entropy, so that none leans on another.
    """

    Options = LateOptions
    options: LateOptions

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, options)
        self.readers = readers(self.dims, self.options.pooling)
        o = self.options
        self.classifiers = nn.ModuleDict(
            {m: perceptron((pooled_width(dim, o.pooling), *o.hidden, classes), o.dropout) for m, dim in self.dims.items()}
        )

    @abstractmethod
    def shares(self, present: Tensor) -> Tensor:
        """(B, M) share of each modality in the decision, 0 where absent."""

    def combine(self, opinions: Tensor, shares: Tensor) -> Tensor:
        """(B, C) logits from the opinions, (B, M, C) logits of each modality alone."""
        return log_mixture(opinions, shares)

    def fuse(self, evidence: dict[Modality, Evidence]) -> FusionOutput:
        opinions = {m: self.classifiers[m](evidence[m].vector) for m in self.modalities}
        shares = self.shares(presence(evidence))
        return FusionOutput(self.combine(torch.stack(list(opinions.values()), 1), shares), opinions, shares)

    def loss(self, output: FusionOutput, y: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        """The sum over the modalities of the cross-entropy of their opinions, each over the utterances that have it."""
        losses = [
            masked_cross_entropy(logits, y, logits[:, 0].isfinite(), weight=weight, label_smoothing=label_smoothing)
            for logits in output.opinions.values()
        ]
        return torch.stack(losses).sum()


@FUSION_MODELS.register("late_mean")
class LateMean(LateFusion):
    """The mean of the probabilities of the modalities that are present."""

    def shares(self, present: Tensor) -> Tensor:
        return present / present.sum(1, keepdim=True).clamp_min(1)


@FUSION_MODELS.register("late_vote")
class LateVote(LateMean):
    """S0's majority vote: each present modality votes for its first class; a tie goes to the lowest class index.

    The probability of a class is its share of the votes with half a vote added to every class (Krichevsky and Trofimov 1981), so that a
    vote of one is not a certainty. Gradients are those of the mean probability, since counting has none.
    """

    def combine(self, opinions: Tensor, shares: Tensor) -> Tensor:
        votes = F.one_hot(opinions.argmax(2), self.classes) * (shares > 0)[..., None]
        count = votes.sum(1).to(opinions.dtype)
        order = torch.arange(self.classes, device=count.device) * 1e-4  # decides ties in favour of the lower index, whoever looks
        logits = ((count + 0.5) / (count.sum(1, keepdim=True) + 0.5 * self.classes)).log() - order
        soft = log_mixture(opinions, shares)
        return logits + (soft - soft.detach())  # adds exactly 0, and its gradient


@FUSION_MODELS.register("late_weighted")
class LateWeighted(LateFusion):
    """S2: the mean of the probabilities with learned weights, one for each modality, shared out anew among those present."""

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, **options)
        self.preference = nn.Parameter(torch.zeros(len(self.modalities)))

    def shares(self, present: Tensor) -> Tensor:
        weight = torch.where(present, self.preference.exp(), 0.0)
        return weight / weight.sum(1, keepdim=True).clamp_min(1e-12)

    def loss(self, output: FusionOutput, y: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        """The classifiers' own losses plus that of the fused answer, from which the weights learn."""
        fused = F.cross_entropy(output.logits, y, weight=weight, label_smoothing=label_smoothing)
        return fused + super().loss(output, y, weight=weight, label_smoothing=label_smoothing)


def log_mixture(opinions: Tensor, shares: Tensor) -> Tensor:
    """Log of the mean probability with these shares: (B, M, C) logits and (B, M) shares to (B, C) log probabilities."""
    log_shares = torch.where(shares > 0, shares, 1.0).log()
    scores = opinions.log_softmax(2) + log_shares[..., None]
    return torch.where((shares > 0)[..., None], scores, torch.finfo(scores.dtype).min).logsumexp(1)
