"""One modality on its own: the yardstick of every fusion model (system S0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from mmer_core.config import JsonConfig
from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.layers import Evidence, Pooling, perceptron, pooled_width, readers
from mmer_core.fusion.model import FusionNetwork, FusionOutput, presence
from mmer_core.labels import Modality, parse_modality


@dataclass(frozen=True)
class UnimodalOptions(JsonConfig):
    """
    Attributes:
        modality: the one it reads; may be left out when there is only one.
        pooling: how a sequence becomes a vector.
        hidden: widths of the hidden layers.
        dropout: after each hidden layer.
    """

    modality: str = ""
    pooling: Pooling = "mean"
    hidden: tuple[int, ...] = (128, 64)
    dropout: float = 0.0


@FUSION_MODELS.register("unimodal")
class Unimodal(FusionNetwork):
    """S0's classifier: Linear(D, 128) ReLU Linear(128, 64) ReLU Linear(64, C) on the pooled, standardised features of one modality.

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
                raise ValueError(f"there are no {modality} features: set modality to one of {', '.join(dims)}")
            dims = {modality: dims[modality]}
        super().__init__(dims, classes, options)
        (self.modality,) = self.modalities
        self.readers = readers(self.dims, self.options.pooling)
        self.classifier = perceptron(
            (pooled_width(self.dims[self.modality], self.options.pooling), *self.options.hidden, classes), self.options.dropout
        )

    def fuse(self, evidence: dict[Modality, Evidence]) -> FusionOutput:
        logits = self.classifier(evidence[self.modality].vector)
        return FusionOutput(logits, {self.modality: logits}, presence(evidence).to(torch.float32))
