"""Layers that the fusion networks share: reading one modality out of a batch, pooling over time, the
multilayer perceptron.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from mmer_core.features.batch import FeatureBatch
from mmer_core.labels import Modality

Pooling = Literal["mean", "max", "stats"]
CONSTANT = 1e-6  # a feature that varies less than this in training is constant: it is centred, never blown up


@dataclass(frozen=True)
class ModalityFeatures:
    """Standardised features of one modality of a batch.

    Attributes:
        x: (B, T, D) float32, exactly 0 wherever `valid` is False.
        valid: (B, T) bool, False for padding and for everything of an utterance that lacks the modality.
    """

    x: Tensor
    valid: Tensor

    @property
    def present(self) -> Tensor:
        """(B,) bool: which utterances have this modality."""
        return self.valid.any(1)

    @property
    def vector(self) -> Tensor:
        """(B, D): the features of a modality that was pooled over time."""
        return self.x[:, 0]

    def take(self, index: Tensor) -> ModalityFeatures:
        """The utterances at `index`, a (N,) int64 tensor."""
        return ModalityFeatures(self.x[index], self.valid[index])

    def keep(self, rows: Tensor) -> ModalityFeatures:
        """The same features, but absent outside `rows`, a (B,) bool tensor."""
        valid = self.valid & rows[:, None]
        return ModalityFeatures(torch.where(valid[..., None], self.x, 0.0), valid)


class Standardizer(nn.Module):
    """Reads one modality out of a batch: masks what is absent, pools over time if asked, standardises.

    Mean and standard deviation are buffers, fitted once by `fit` on training data; with pooling they are
    those of the pooled vector: features are pooled first and normalised then.

    Args:
        modality: what to read.
        dim: D, the width of its features.
        pooling: None keeps the sequence; otherwise T becomes 1 (see `pool`).
    """

    mean: Tensor
    sd: Tensor
    count: Tensor

    def __init__(self, modality: Modality, dim: int, pooling: Pooling | None = None) -> None:
        super().__init__()
        self.modality, self.pooling = modality, pooling
        self.width = pooled_width(dim, pooling)
        self.register_buffer("mean", torch.zeros(self.width))
        self.register_buffer("sd", torch.ones(self.width))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def observe(self, batch: FeatureBatch) -> ModalityFeatures:
        """The modality as it is in the batch, not yet standardised; a modality that the batch does not carry
        is absent.
        """
        if self.modality not in batch.x:
            size, device = len(batch), batch.present.device
            return ModalityFeatures(
                torch.zeros(size, 1, self.width, device=device),
                torch.zeros(size, 1, dtype=torch.bool, device=device),
            )
        # torch.where, never a product: 0 * NaN is NaN, and an absent slot may hold anything.
        valid = batch.column(self.modality)[:, None] & ~batch.pad[self.modality]
        x = torch.where(valid[..., None], batch.x[self.modality], 0.0)
        if self.pooling is None:
            return ModalityFeatures(x, valid)
        return ModalityFeatures(pool(x, valid, self.pooling)[:, None], valid.any(1, keepdim=True))

    def forward(self, batch: FeatureBatch) -> ModalityFeatures:
        """Standardised features, float32."""
        seen = self.observe(batch)
        sd = torch.where(self.sd > CONSTANT, self.sd, 1.0)
        return replace(seen, x=torch.where(seen.valid[..., None], (seen.x - self.mean) / sd, 0.0))

    @torch.no_grad()
    def fit(self, batch: FeatureBatch) -> None:
        """Take a batch into mean and standard deviation: only frames that are there count. Batches add up
        (Chan et al. 1979).

        Raises:
            ValueError: a feature that is there is not finite.
        """
        seen = self.observe(batch)
        frames = seen.x[seen.valid].cpu().double()  # not every accelerator has float64
        if not len(frames):
            return
        own_mean = frames.mean(0)
        if not own_mean.isfinite().all():  # a sum of float32 numbers cannot overflow in float64
            raise ValueError(
                f"some {self.modality} features are NaN or infinite: extract them again, or mark "
                "those utterances as absent"
            )
        old, new = int(self.count), len(frames)
        share = new / (old + new)
        mean = self.mean.cpu().double()
        variance = self.sd.cpu().double().square() if old else torch.zeros_like(mean)
        step = own_mean - mean
        own_variance = frames.sub_(own_mean).square_().mean(0)  # a tenth of the time of `var`
        variance = (1 - share) * variance + share * own_variance + share * (1 - share) * step.square()
        self.mean.copy_(mean + share * step)
        self.sd.copy_(variance.sqrt())
        self.count += new

    def reset(self) -> None:
        """Forget what was fitted."""
        self.mean.zero_()
        self.sd.fill_(1.0)
        self.count.zero_()


def standardizers_of(network: nn.Module) -> list[Standardizer]:
    """Every standardisation in a network."""
    return [module for module in network.modules() if isinstance(module, Standardizer)]


def pooled_width(dim: int, pooling: Pooling | None) -> int:
    """What D becomes by `pool`."""
    return 3 * dim if pooling == "stats" else dim


def pool(x: Tensor, valid: Tensor, how: Pooling) -> Tensor:
    """One vector for each sequence, over its valid frames.

    Args:
        x: (B, T, D), 0 where not valid.
        valid: (B, T) bool.
        how: "mean", "max", or "stats" (mean, standard deviation and maximum side by side; for a vector the
            second is 0).

    Returns:
        (B, D), or (B, 3 D) for "stats"; zeros where nothing is valid.
    """
    mask = valid[..., None]
    mean = x.sum(1) / valid.sum(1).clamp_min(1)[:, None]
    if how == "mean":
        return mean
    highest = torch.where(mask, x, torch.finfo(x.dtype).min).amax(1)
    highest = torch.where(valid.any(1)[:, None], highest, 0.0)
    if how == "max":
        return highest
    spread = torch.where(mask, x - mean[:, None], 0.0).square().sum(1) / valid.sum(1).clamp_min(1)[:, None]
    return torch.cat([mean, torch.where(spread > 0, spread, 1.0).sqrt() * (spread > 0), highest], 1)


def shorten(inputs: ModalityFeatures, limit: int) -> ModalityFeatures:
    """Sequences of at most `limit` frames, valid ones first: a longer one is averaged over `limit` equal
    stretches.

    Each utterance is cut by its own length, so neither padding nor its neighbours in the batch change it.
    """
    if inputs.valid.shape[1] == 1:
        return inputs
    rank = inputs.valid.cumsum(1) - 1  # (B, T): the index of the valid frame
    length = inputs.valid.sum(1, keepdim=True)
    stretch = torch.where(length > limit, rank * limit // length.clamp_min(1), rank)
    slots = torch.arange(min(limit, inputs.valid.shape[1]), device=stretch.device)
    member = (stretch[:, None] == slots[:, None]) & inputs.valid[:, None]  # (B, limit, T)
    count = member.sum(2, keepdim=True)
    mean = member.to(inputs.x.dtype) / count.clamp_min(1) @ inputs.x
    return ModalityFeatures(mean, count[..., 0] > 0)


def perceptron(widths: Sequence[int], dropout: float = 0.0) -> nn.Sequential:
    """Linear, ReLU, dropout, ..., Linear through `widths`, input first, output last."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers[:-2])


def standardizers(dims: Mapping[Modality, int], pooling: Pooling | None = None) -> nn.ModuleDict:
    """One `Standardizer` for each modality."""
    return nn.ModuleDict({m: Standardizer(m, dim, pooling) for m, dim in dims.items()})
