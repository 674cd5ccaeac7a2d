"""Decisions of a fusion network with every subset of its modalities."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import torch
from torch import Tensor

from mmer_core.fusion.layers import ModalityFeatures
from mmer_core.fusion.output import FusionOutput, SubsetOutput, presence
from mmer_core.labels import Modality

ROWS_AT_ONCE = 64  # rows that are decided as one batch, where there are several subsets

Inputs = dict[Modality, ModalityFeatures]


def decide_subsets(
    decide: Callable[[Inputs], FusionOutput],
    inputs: Inputs,
    subsets: Sequence[Collection[Modality]],
    temperature: Mapping[Modality, Tensor] | None = None,
) -> SubsetOutput:
    """The outputs with only the modalities of each subset switched on; see `FusionNetwork.subset_outputs`."""
    rows = len(presence(inputs))
    size = max(1, ROWS_AT_ONCE // max(rows, 1))
    outputs, present = [], []
    for first in range(0, len(subsets), size):
        piece = subsets[first : first + size]
        repeated = {m: _switched(e, [m in subset for subset in piece]) for m, e in inputs.items()}
        output = decide(repeated)
        for start in range(0, rows * len(piece), rows):
            own = slice(start, start + rows)
            weights = None if output.weights is None else output.weights[own]
            outputs.append(FusionOutput(output.logits[own], {}, weights))
        present += presence(repeated).split(rows)
    return stacked(outputs, present, [(temperature or {}).get(m) for m in inputs])


def _switched(features: ModalityFeatures, on: Sequence[bool]) -> ModalityFeatures:
    """The utterances once for each entry of `on`, one block after the other; absent where it is False."""
    rows, device = len(features.valid), features.valid.device
    index = torch.arange(rows, device=device).repeat(len(on))
    return features.take(index).keep(torch.tensor(on, device=device).repeat_interleave(rows))


def stacked(
    outputs: Sequence[FusionOutput], present: Sequence[Tensor], temperatures: Sequence[Tensor | None]
) -> SubsetOutput:
    """The outputs of S subsets as one. Log probabilities are divided by the mean temperature over the
    modalities that are present; where none is, the logits stay as they are.

    Args:
        outputs: of B rows each.
        present: (B, M) bool for each subset.
        temperatures: for each of the M modalities (B,), or None for 1.
    """
    logits = torch.stack([output.logits for output in outputs])
    weights = [output.weights for output in outputs if output.weights is not None]
    if any(t is not None for t in temperatures):
        ones = torch.ones_like(logits[0, :, 0])
        scale = torch.stack([ones if t is None else t for t in temperatures], 1)
        on = torch.stack(list(present))  # (S, B, M)
        some = on.any(2, keepdim=True)
        mean = torch.where(on, scale, 0.0).sum(2, keepdim=True) / on.sum(2, keepdim=True).clamp_min(1)
        logits = torch.where(some, logits.log_softmax(2) / torch.where(some, mean, 1.0), logits)
    return SubsetOutput(logits, torch.stack(weights) if weights else None)
