"""Networks on the mean of the frames: a linear one and some with a hidden layer, which answer together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mmer_core.fusion.heads import HEADS

_LINEAR = 1 / 3  # share of the linear classifier in the answer
#: Standard deviations from the training utterances beyond which a feature says no more. Without that limit a
#: telephone's missing treble, six deviations away, decides everything.
_FARTHEST = 3.0


@HEADS.register("mean", description="a linear and several small networks on the mean of the frames")
class MeanNetwork(nn.Module):
    """The mean of a sequence, read by a linear classifier and by K small networks; a third of the answer is
    the linear one's, the rest the networks' mean, both as log probabilities. The linear one travels a little
    better to other corpora, the networks know the speakers' own ones better.

    A mean over time keeps what lasts, the timbre and level of a voice, and drops the words. Nothing that is
    more detailed was read better in recordings of other people and places.

    Args:
        dim: D, width of the features.
        classes: C.
        members: K, at least 1.
        hidden: H, width of their hidden layer.
        dropout: of the hidden layer, in training.
        input_dropout: of the features, in training.
    """

    def __init__(
        self,
        dim: int,
        classes: int,
        *,
        members: int = 4,
        hidden: int = 128,
        dropout: float = 0.5,
        input_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("std", torch.ones(dim))
        self.linear = nn.Linear(dim, classes)
        parts = [(nn.Linear(dim, hidden), nn.Linear(hidden, classes)) for _ in range(members)]
        self.first = nn.ModuleList(first for first, _ in parts)
        self.second = nn.ModuleList(second for _, second in parts)
        self.hide, self.hide_input = nn.Dropout(dropout), nn.Dropout(input_dropout)

    mean: Tensor  # (D,) of the training utterances' means
    std: Tensor  # (D,)

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        """Log probabilities (B, C) from x (B, T, D) float32 and pad (B, T) bool, True where there is only
        padding, which may hold anything.
        """
        keep = ~pad.unsqueeze(-1)
        return self.answer(torch.where(keep, x, 0.0).sum(1) / keep.sum(1).clamp(min=1))

    def answer(self, mean: Tensor) -> Tensor:
        """Log probabilities (B, C) of the means of B utterances, (B, D)."""
        x = self.standardised(mean)
        linear, members = self.linear(x).log_softmax(-1), self.members(x).log_softmax(-1).mean(0)
        return _LINEAR * linear + (1 - _LINEAR) * members

    def standardised(self, mean: Tensor) -> Tensor:
        """The means (B, D) as the networks read them."""
        return ((mean - self.mean) / self.std).clamp(-_FARTHEST, _FARTHEST)

    def members(self, x: Tensor) -> Tensor:
        """Logits (K, B, C) of the networks for standardised means (B, D)."""
        layers = zip(self.first, self.second, strict=True)
        return torch.stack(
            [second(self.hide(nn.functional.gelu(first(self.hide_input(x))))) for first, second in layers]
        )
