"""MM-B: recurrent branches side by side into one linear layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.output import FusionOutput
from mmer_core.fusion.recurrent import RecurrentFusion
from mmer_core.labels import Modality


@FUSION_MODELS.register("mmb", description="a recurrent network per modality, then fused", order=70)
class ConcatenatedRecurrent(RecurrentFusion):
    """The published baseline of MMMLA: the pooled vectors side by side, then a linear layer. An absent
    modality is zeros and a flag.
    """

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, **options)
        self.classifier = nn.Linear((2 * self.options.hidden + 1) * len(self.modalities), classes)

    def combine(self, vectors: Tensor, present: Tensor) -> FusionOutput:
        absent = (~present).to(vectors.dtype)
        return FusionOutput(self.classifier(torch.cat([vectors.flatten(1), absent], 1)), {})
