"""Late fusion by a mean probability with learned weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.late import LateFusion
from mmer_core.fusion.output import FusionOutput
from mmer_core.labels import Modality


@FUSION_MODELS.register("late_weighted", description="one network per modality, learned weights", order=50)
class LateWeighted(LateFusion):
    """The mean of the probabilities with learned weights, one for each modality, shared out anew among those
    present.
    """

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, **options)
        self.preference = nn.Parameter(torch.zeros(len(self.modalities)))

    def shares(self, present: Tensor) -> Tensor:
        """(B, M) learned share of each modality in the decision, 0 where absent."""
        weight = torch.where(present, self.preference.exp(), 0.0)
        return weight / weight.sum(1, keepdim=True).clamp_min(1e-12)

    def loss(
        self, output: FusionOutput, y: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0
    ) -> Tensor:
        """The classifiers' own losses plus that of the fused answer, from which the weights learn."""
        fused = F.cross_entropy(output.logits, y, weight=weight, label_smoothing=label_smoothing)
        return fused + super().loss(output, y, weight=weight, label_smoothing=label_smoothing)
