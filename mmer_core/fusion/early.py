"""Early fusion: all features side by side into one network (systems S0 and S2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mmer_core.config import JsonConfig
from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.layers import Evidence, Pooling, perceptron, pooled_width, readers
from mmer_core.fusion.model import FusionNetwork, FusionOutput, presence
from mmer_core.labels import Modality


@dataclass(frozen=True)
class EarlyOptions(JsonConfig):
    """
    Attributes:
        pooling: how a sequence becomes a vector.
        hidden: widths of the hidden layers.
        dropout: after each hidden layer.
        input_dropout: share of the features that are hidden in a training step.
    """

    pooling: Pooling = "mean"
    hidden: tuple[int, ...] = (256, 128)
    dropout: float = 0.0
    input_dropout: float = 0.0


@FUSION_MODELS.register("early")
class EarlyFusion(FusionNetwork):
    """S0: the pooled, standardised features concatenated, Linear(·, 256) ReLU Linear(256, 128) ReLU Linear(128, C).

    An absent modality enters as zeros, its mean, and raises a flag of its own. The flag's weights are a learned bias of the first layer:
    that says all a learned stand-in vector could say to it, with 256 numbers instead of D, and with everything present the network is
    exactly the published one.
    """

    Options = EarlyOptions
    options: EarlyOptions

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, options)
        self.readers = readers(self.dims, self.options.pooling)
        width = sum(pooled_width(dim, self.options.pooling) for dim in self.dims.values()) + len(self.modalities)
        self.hide = nn.Dropout(self.options.input_dropout)
        self.classifier = perceptron((width, *self.options.hidden, classes), self.options.dropout)

    def fuse(self, evidence: dict[Modality, Evidence]) -> FusionOutput:
        features = torch.cat([e.vector for e in evidence.values()], 1)
        absent = (~presence(evidence)).to(features.dtype)
        return FusionOutput(self.classifier(torch.cat([self.hide(features), absent], 1)), {})
