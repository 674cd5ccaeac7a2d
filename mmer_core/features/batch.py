"""Features of utterances as tensors, with a mask of absent modalities."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from mmer_core.labels import Modality, in_order


@dataclass(frozen=True)
class FeatureBatch:
    """B utterances.

    Attributes:
        x: {modality: (B, T, D) float32}; a vector is a sequence of length 1. Slots that are absent may hold
            anything, NaN included.
        pad: {modality: (B, T) bool}, True where there is only padding.
        present: (B, M) bool, columns in the order of `modalities`.
        y: (B,) int64 class indices, or None.
        groups: the speaker (or session, dialogue) of each utterance, or None.
    """

    x: dict[Modality, Tensor]
    pad: dict[Modality, Tensor]
    present: Tensor
    y: Tensor | None = None
    groups: tuple[str, ...] | None = None

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """Modalities of the batch, in the fixed order."""
        return in_order(self.x)

    def __len__(self) -> int:
        return len(self.present)

    def column(self, modality: Modality) -> Tensor:
        """(B,) bool: which utterances have this modality."""
        return self.present[:, self.modalities.index(modality)]

    def using(self, use: Collection[Modality]) -> FeatureBatch:
        """The same batch with every modality outside `use` switched off."""
        keep = torch.tensor([m in use for m in self.modalities], dtype=torch.bool, device=self.present.device)
        return replace(self, present=self.present & keep)

    def to(self, device: torch.device | str) -> FeatureBatch:
        """The same batch on a device."""
        return replace(
            self,
            x={m: v.to(device) for m, v in self.x.items()},
            pad={m: v.to(device) for m, v in self.pad.items()},
            present=self.present.to(device),
            y=None if self.y is None else self.y.to(device),
        )

    def take(self, index: Tensor) -> FeatureBatch:
        """The utterances at `index`, a (N,) int64 tensor."""
        return FeatureBatch(
            x={m: v[index] for m, v in self.x.items()},
            pad={m: v[index] for m, v in self.pad.items()},
            present=self.present[index],
            y=None if self.y is None else self.y[index],
            groups=None if self.groups is None else tuple(self.groups[i] for i in index.tolist()),
        )


def collate(
    samples: Sequence[Mapping[Modality, np.ndarray]],
    dims: Mapping[Modality, int],
    labels: Sequence[int] | None = None,
    groups: Sequence[str] | None = None,
) -> FeatureBatch:
    """Pad sequences to a batch; a modality that a sample lacks becomes zeros, marked absent.

    Args:
        samples: for each utterance, {modality: (T, D) or (D,)}.
        dims: D of every modality of the batch; decides which modalities the batch has.

    Raises:
        ValueError: features of another width than `dims` says.
    """
    modalities = in_order(dims)
    x: dict[Modality, Tensor] = {}
    pad: dict[Modality, Tensor] = {}
    present = torch.zeros(len(samples), len(modalities), dtype=torch.bool)
    for column, modality in enumerate(modalities):
        rows = [np.atleast_2d(s[modality]) if modality in s else None for s in samples]
        length = max((len(r) for r in rows if r is not None), default=1)
        values = torch.zeros(len(samples), length, dims[modality])
        padding = torch.ones(len(samples), length, dtype=torch.bool)
        for i, row in enumerate(rows):
            if row is None:
                continue
            if row.shape[1] != dims[modality]:
                raise ValueError(
                    f"{modality} features are {row.shape[1]} wide, the model expects "
                    f"{dims[modality]}: use the encoder it was trained with"
                )
            values[i, : len(row)] = torch.from_numpy(np.ascontiguousarray(row, dtype=np.float32))
            padding[i, : len(row)] = False
            present[i, column] = True
        x[modality], pad[modality] = values, padding
    y = None if labels is None else torch.as_tensor(np.asarray(labels), dtype=torch.int64)
    return FeatureBatch(x, pad, present, y, None if groups is None else tuple(groups))


def drop_modalities(batch: FeatureBatch, p: float, generator: torch.Generator | None = None) -> FeatureBatch:
    """Modality dropout for training: each present modality is taken away with probability `p`, but never all
    of an utterance.

    Neverova et al. (2016), ModDrop. The one that is kept in any case is drawn anew for every utterance.

    Args:
        batch: B utterances; where something is present, something stays present.
        p: in [0, 1].
        generator: for a repeatable draw.
    """
    draw = torch.rand(batch.present.shape, generator=generator).to(batch.present.device)
    draw = torch.where(batch.present, draw, -1.0)
    kept = (draw >= p) | (draw == draw.amax(1, keepdim=True))
    return replace(batch, present=batch.present & kept)
