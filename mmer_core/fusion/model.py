"""What every fusion model takes and gives. Fusion knows neither media nor encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from mmer_core.features import FeatureBatch
from mmer_core.labels import Modality


@dataclass(frozen=True)
class FusionOutput:
    """
    Attributes:
        logits: (B, C), finite, also where nothing is present (then the class prior).
        opinions: {modality: (B, C)} logits of each modality alone; rows where it is absent are NaN. Empty for models without per-modality branches.
        weights: (B, M) share of each modality in the decision, rows sum to 1 (0 where nothing is present); None if the model has no such notion.
    """

    logits: Tensor
    opinions: dict[Modality, Tensor]
    weights: Tensor | None = None


class FusionModel(Protocol):
    """A `torch.nn.Module` from a batch to logits; see design: absent modalities.

    Contract: NaN in an absent slot leaves the logits bit-equal; padding and batch order do not matter; each modality alone gives
    finite logits; nothing present gives the class prior; gradients reach every present branch.
    """

    modalities: tuple[Modality, ...]
    classes: int

    def __call__(self, batch: FeatureBatch) -> FusionOutput: ...
