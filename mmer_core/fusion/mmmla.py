"""MMMLA: multi-level attention, over the frames of each modality and then over the modalities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.output import FusionOutput
from mmer_core.fusion.recurrent import Attention, RecurrentFusion
from mmer_core.labels import Modality


@FUSION_MODELS.register("mmmla", description="recurrent networks with attention across modalities", order=80)
class MultiLevelAttention(RecurrentFusion):
    """Attention over the pooled vectors of the modalities that are present, then a linear layer."""

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, **options)
        self.modality_attention = Attention(2 * self.options.hidden)
        self.classifier = nn.Linear(2 * self.options.hidden, classes)

    def combine(self, vectors: Tensor, present: Tensor) -> FusionOutput:
        fused, weights = self.modality_attention(vectors, present)
        return FusionOutput(self.classifier(fused), {}, weights)
