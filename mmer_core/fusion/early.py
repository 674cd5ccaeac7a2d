"""Early fusion: all features side by side into one network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from mmer_core.config import JsonConfig
from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.base import FusionNetwork
from mmer_core.fusion.layers import ModalityFeatures, Pooling, perceptron, pooled_width, standardizers
from mmer_core.fusion.output import FusionOutput, presence
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
    dropout: float = 0.5
    input_dropout: float = 0.3


@FUSION_MODELS.register("early", description="all features side by side into one network", order=20)
class EarlyFusion(FusionNetwork):
    """The pooled, standardised features concatenated, Linear(·, 256) ReLU Linear(256, 128) ReLU
    Linear(128, C).

    An absent modality enters as zeros, its mean, and raises a flag of its own. The flag's weights are a
    learned bias of the first layer: that says all a learned stand-in vector could say to it, with 256 numbers
    instead of D, and with everything present the network is the plain one. Input dropout leaves the flags.
    """

    Options = EarlyOptions
    options: EarlyOptions

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, options)
        self.standardizers = standardizers(self.dims, self.options.pooling)
        features = sum(pooled_width(dim, self.options.pooling) for dim in self.dims.values())
        self.input_dropout = nn.Dropout(self.options.input_dropout)
        self.classifier = perceptron(
            (features + len(self.modalities), *self.options.hidden, classes), self.options.dropout
        )

    def fuse(self, inputs: dict[Modality, ModalityFeatures]) -> FusionOutput:
        features = torch.cat([e.vector for e in inputs.values()], 1)
        absent = (~presence(inputs)).to(features.dtype)
        return FusionOutput(self.classifier(torch.cat([self.input_dropout(features), absent], 1)), {})
