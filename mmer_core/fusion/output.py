"""The output of a fusion network, and which modalities it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from mmer_core.fusion.layers import ModalityFeatures
from mmer_core.labels import Modality


@dataclass(frozen=True)
class FusionOutput:
    """
    Attributes:
        logits: (B, C), finite, also where nothing is present (then the class prior).
        unimodal: {modality: (B, C)} logits of each modality alone; rows where it is absent are NaN. Empty for
            models without per-modality branches.
        weights: (B, M) share of each modality in the decision, rows sum to 1 (0 where nothing is present);
            None if the model has no such notion.
    """

    logits: Tensor
    unimodal: dict[Modality, Tensor]
    weights: Tensor | None = None


class SubsetOutput(NamedTuple):
    """Outputs with each of S subsets of the modalities switched on: logits (S, B, C), and weights (S, B, M)
    or None, as in `FusionOutput`.
    """

    logits: Tensor
    weights: Tensor | None


def presence(inputs: Mapping[Modality, ModalityFeatures]) -> Tensor:
    """(B, M) bool: which utterance has which modality."""
    return torch.stack([e.present for e in inputs.values()], 1)
