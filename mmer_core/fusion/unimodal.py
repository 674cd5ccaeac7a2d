"""One modality on its own: the yardstick of every fusion model."""

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
from mmer_core.labels import Modality, parse_modality


@dataclass(frozen=True)
class UnimodalOptions(JsonConfig):
    """
    Attributes:
        modality: the one it reads; may be left out when there is only one.
        pooling: how a sequence becomes a vector.
        hidden: widths of the hidden layers.
        dropout: after each hidden layer.
        input_dropout: share of the features that are hidden in a training step.
    """

    modality: str = ""
    pooling: Pooling = "mean"
    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.5
    input_dropout: float = 0.3


@FUSION_MODELS.register("unimodal", description="each modality on its own, the yardstick", order=10)
class Unimodal(FusionNetwork):
    """Linear(D, 128) ReLU Linear(128, 64) ReLU Linear(64, C) on the pooled, standardised features of one
    modality.

    Raises:
        ValueError: several modalities and none is named, or the named one is not among them.
    """

    Options = UnimodalOptions
    options: UnimodalOptions

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        chosen = options.get("modality") or ""
        if not chosen and len(dims) > 1:
            raise ValueError(f"a unimodal model reads one modality: set modality to one of {', '.join(dims)}")
        if chosen:
            modality = parse_modality(chosen)
            if modality not in dims:
                raise ValueError(
                    f"there are no {modality} features: set modality to one of {', '.join(dims)}"
                )
            dims = {modality: dims[modality]}
        super().__init__(dims, classes, options)
        (self.modality,) = self.modalities
        self.standardizers = standardizers(self.dims, self.options.pooling)
        self.input_dropout = nn.Dropout(self.options.input_dropout)
        self.classifier = perceptron(
            (pooled_width(self.dims[self.modality], self.options.pooling), *self.options.hidden, classes),
            self.options.dropout,
        )

    def fuse(self, inputs: dict[Modality, ModalityFeatures]) -> FusionOutput:
        logits = self.classifier(self.input_dropout(inputs[self.modality].vector))
        return FusionOutput(logits, {self.modality: logits}, presence(inputs).to(torch.float32))
