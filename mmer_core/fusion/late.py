"""The base of late fusion: a classifier for each modality, then one decision from their predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mmer_core.config import JsonConfig
from mmer_core.fusion.base import FusionNetwork, unimodal_cross_entropy
from mmer_core.fusion.layers import ModalityFeatures, Pooling, perceptron, pooled_width, standardizers
from mmer_core.fusion.output import FusionOutput, presence
from mmer_core.labels import Modality


@dataclass(frozen=True)
class LateOptions(JsonConfig):
    """
    Attributes:
        pooling: how a sequence becomes a vector.
        hidden: widths of the hidden layers of each modality's classifier.
        dropout: after each hidden layer.
        input_dropout: share of the features that are hidden in a training step.
    """

    pooling: Pooling = "mean"
    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.5
    input_dropout: float = 0.3


class LateFusion(FusionNetwork):
    """The unimodal classifier (see `fusion.unimodal`) for each modality, and a weighted mean of their
    probabilities; a subclass may combine them otherwise.

    The classifiers are trained side by side, each with its own cross-entropy, so that none leans on another.
    """

    Options = LateOptions
    options: LateOptions

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, options)
        self.standardizers = standardizers(self.dims, self.options.pooling)
        o = self.options
        self.input_dropout = nn.Dropout(o.input_dropout)
        self.classifiers = nn.ModuleDict(
            {
                m: perceptron((pooled_width(dim, o.pooling), *o.hidden, classes), o.dropout)
                for m, dim in self.dims.items()
            }
        )

    def shares(self, present: Tensor) -> Tensor:
        """(B, M) share of each modality in the decision, 0 where absent: equal shares of those present."""
        return present / present.sum(1, keepdim=True).clamp_min(1)

    def combine(self, unimodal: Tensor, shares: Tensor) -> Tensor:
        """(B, C) logits from the unimodal predictions, (B, M, C) logits of each modality alone."""
        return log_mixture(unimodal, shares)

    def fuse(self, inputs: dict[Modality, ModalityFeatures]) -> FusionOutput:
        unimodal = {m: self.classifiers[m](self.input_dropout(inputs[m].vector)) for m in self.modalities}
        shares = self.shares(presence(inputs))
        return FusionOutput(self.combine(torch.stack(list(unimodal.values()), 1), shares), unimodal, shares)

    def loss(
        self, output: FusionOutput, y: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0
    ) -> Tensor:
        """The sum over the modalities of the cross-entropy of their unimodal predictions, each over the
        utterances that have it.
        """
        return unimodal_cross_entropy(output, y, weight=weight, label_smoothing=label_smoothing)


def log_mixture(unimodal: Tensor, shares: Tensor) -> Tensor:
    """Log of the mean probability with these shares: (B, M, C) logits and (B, M) shares to (B, C) log
    probabilities.
    """
    log_shares = torch.where(shares > 0, shares, 1.0).log()
    scores = unimodal.log_softmax(2) + log_shares[..., None]
    return torch.where((shares > 0)[..., None], scores, torch.finfo(scores.dtype).min).logsumexp(1)
