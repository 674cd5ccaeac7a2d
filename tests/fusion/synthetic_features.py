"""Feature batches for the tests: random numbers in the shapes that encoders give, with ragged lengths and
absent modalities.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch

from mmer_core.features.batch import FeatureBatch, collate
from mmer_core.labels import Modality

CLASSES = 7
DIMS: dict[Modality, int] = {Modality.TEXT: 5, Modality.AUDIO: 4, Modality.VISUAL: 6, Modality.METADATA: 3}
LONGEST = {Modality.TEXT: 1, Modality.AUDIO: 9, Modality.VISUAL: 5, Modality.METADATA: 1}  # frames


def make_batch(
    rows: int = 6,
    *,
    dims: Mapping[Modality, int] = DIMS,
    longest: Mapping[Modality, int] = LONGEST,
    seed: int = 0,
) -> FeatureBatch:
    """Everything is present; the lengths of sequences differ, and so do means and spreads of the features."""
    rng = torch.Generator().manual_seed(seed)

    def sequence(modality: Modality) -> torch.Tensor:
        frames = int(torch.randint(1, longest[modality] + 1, (1,), generator=rng))
        scale = torch.arange(1, dims[modality] + 1, dtype=torch.float32)
        return scale * torch.randn(frames, dims[modality], generator=rng) + 3 * scale

    samples = [{m: sequence(m).numpy() for m in dims} for _ in range(rows)]
    return collate(
        samples, dims, [i % CLASSES for i in range(rows)], [f"speaker {i % 2}" for i in range(rows)]
    )


def with_presence(batch: FeatureBatch, present: torch.Tensor) -> FeatureBatch:
    """The batch with what is not in `present`, (B, M) bool, absent and overwritten by NaN."""
    x = {m: torch.where(present[:, i, None, None], v, torch.nan) for i, (m, v) in enumerate(batch.x.items())}
    return FeatureBatch(x, batch.pad, present, batch.y, batch.groups)


def only(batch: FeatureBatch, use: Collection[Modality]) -> FeatureBatch:
    """The batch with every modality outside `use` absent and overwritten by NaN."""
    return with_presence(batch, batch.using(use).present)


def padded(batch: FeatureBatch, extra: int) -> FeatureBatch:
    """The batch with `extra` more frames of padding, and every padded frame full of NaN."""
    x, pad = {}, {}
    for modality, values in batch.x.items():
        rows, _, dim = values.shape
        pad[modality] = torch.cat([batch.pad[modality], torch.ones(rows, extra, dtype=torch.bool)], 1)
        longer = torch.cat([values, torch.zeros(rows, extra, dim)], 1)
        x[modality] = torch.where(pad[modality][..., None], torch.nan, longer)
    return FeatureBatch(x, pad, batch.present, batch.y, batch.groups)


def separable_batch(rows: int = 84, *, classes: int = CLASSES, seed: int = 0) -> FeatureBatch:
    """Every modality's frames lie around a point of their own for each class."""
    batch = make_batch(rows, seed=seed)
    rng = torch.Generator().manual_seed(seed + 1)
    centres = {m: 4 * torch.randn(classes, dim, generator=rng) for m, dim in DIMS.items()}
    y = torch.arange(rows) % classes
    x = {m: centres[m][y][:, None] + torch.randn(v.shape, generator=rng) for m, v in batch.x.items()}
    return FeatureBatch(x, batch.pad, batch.present, y, batch.groups)
