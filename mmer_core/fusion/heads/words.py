"""A classifier of sentence vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmer_core.fusion.heads import HEADS


@HEADS.register("words", description="a classifier on each window of a text, mean of the logits")
class WordsNetwork(nn.Module):
    """A classifier on each window of a text, its logits averaged over the windows.

    Args:
        dim: D, width of the sentence vectors, which have length 1.
        classes: C.
        hidden: width of a hidden layer; 0 for a linear classifier.
        dropout: on the vectors and the hidden layer, only active in training mode.
    """

    def __init__(self, dim: int, classes: int, hidden: int = 0, dropout: float = 0.2) -> None:
        super().__init__()
        # numbers of a vector of length 1 are about 1/√D; a layer learns best from numbers about 1
        self.scale = dim**0.5
        layers: list[nn.Module] = [nn.Dropout(dropout)]
        if hidden:
            layers += [nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(hidden or dim, classes))

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        """Logits (B, C) from x (B, T, D) float32 and pad (B, T) bool, True where there is only padding, which
        may hold anything.
        """
        keep = ~pad.unsqueeze(-1)
        logits = self.layers(torch.where(keep, x, 0.0) * self.scale)
        return torch.where(keep, logits, 0.0).sum(1) / keep.sum(1).clamp(min=1)
