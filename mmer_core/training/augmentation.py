"""Augmentation of feature sequences, drawn anew in each training step (`TrainingConfig.spec_augment` and
`.temporal_sampling`). Draws are made on the processor, whatever device the features lie on: a seed gives the
same ones everywhere.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from mmer_core.features.batch import FeatureBatch


def spec_augment(
    x: Tensor,
    pad: Tensor,
    generator: torch.Generator,
    *,
    time_share: float = 0.2,
    band_share: float = 0.15,
    masks: int = 2,
) -> Tensor:
    """SpecAugment (Park et al. 2019) on feature sequences: stretches of time and bands of neighbouring
    features become the utterance's mean.

    Args:
        x: (B, T, D).
        pad: (B, T) bool.
        generator: of the processor.
        time_share: widest stretch, as a share of the utterance's length.
        band_share: widest band, as a share of D.
        masks: stretches and bands in each utterance.

    Returns:
        (B, T, D); utterances of one frame keep their time and lose bands only if D allows.
    """
    batch, steps, dim = x.shape
    length = (~pad).sum(1)
    kept = torch.where(pad[..., None], 0.0, x)
    mean = kept.sum(1, keepdim=True) / length.clamp_min(1)[:, None, None]
    hidden = torch.zeros(batch, steps, dim, dtype=torch.bool, device=x.device)
    every_feature = torch.full((batch,), dim, device=x.device)
    for _ in range(masks):
        hidden |= _stretch(length, steps, time_share, generator)[:, :, None]
        band = _stretch(every_feature, dim, band_share, generator)[:, None, :]
        hidden |= band & (length > 1)[:, None, None]
    return torch.where(hidden & ~pad[..., None], mean, x)


def _stretch(length: Tensor, steps: int, share: float, generator: torch.Generator) -> Tensor:
    """(B, steps) bool: one random stretch inside each row's first `length` positions, at most `share` of
    them.
    """
    width, begin = torch.rand(2, len(length), generator=generator).to(length.device)
    width = (width * (length * share + 1)).floor().clamp(max=length - 1)
    begin = (begin * (length - width + 1)).floor()
    position = torch.arange(steps, device=length.device)
    return (position >= begin[:, None]) & (position < (begin + width)[:, None])


def drop_frames(pad: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Temporal sampling of feature sequences: a (B, T) padding mask with a random `share` of the frames
    hidden too, never all of them.
    """
    chance = torch.rand(pad.shape, generator=generator).to(pad.device).masked_fill(pad, 2.0)
    first = chance.argmin(1, keepdim=True)  # an utterance that would lose every frame keeps this one
    hidden = chance < share
    lost = ((~pad & ~hidden).sum(1) == 0) & (~pad).any(1)
    hidden = hidden.scatter(1, first, hidden.gather(1, first) & ~lost[:, None])
    return pad | hidden


def augment_batch(
    batch: FeatureBatch, generator: torch.Generator, *, spec: bool, temporal: float
) -> FeatureBatch:
    """The batch with SpecAugment (`spec`) and a share `temporal` of the frames left out, in every modality
    that is a sequence.
    """
    x, pad = dict(batch.x), dict(batch.pad)
    for modality in batch.modalities:
        if x[modality].shape[1] == 1:
            continue
        if spec:
            x[modality] = spec_augment(x[modality], pad[modality], generator)
        if temporal > 0:
            pad[modality] = drop_frames(pad[modality], temporal, generator)
    return replace(batch, x=x, pad=pad)
