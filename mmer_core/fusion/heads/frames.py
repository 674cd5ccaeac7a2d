"""A linear classifier on every frame."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmer_core.fusion.heads import HEADS


@HEADS.register("frames", description="one linear classifier on every frame, mean of the logits")
class FrameLinear(nn.Module):
    """One linear classifier on every frame, its logits averaged over the frames that are not padding: (B, T,
    D), (B, T) -> (B, C).
    """

    def __init__(self, dim: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, classes)

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        """Logits (B, C) from x (B, T, D) float32 and pad (B, T) bool, True where there is only padding, which
        may hold anything.
        """
        keep = (~pad).unsqueeze(-1)
        logits = torch.where(keep, self.linear(x), 0.0)
        return logits.sum(dim=1) / keep.sum(dim=1).clamp(min=1)
