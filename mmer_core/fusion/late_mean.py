"""Late fusion by the mean probability."""

from __future__ import annotations

from typing import ClassVar

from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.late import LateFusion


@FUSION_MODELS.register(
    "late_mean", description="one network per modality, mean of their probabilities", order=30
)
class LateMean(LateFusion):
    """The mean of the probabilities of the modalities that are present."""

    parts: ClassVar[str | None] = "unimodal"  # each classifier stops at its own best epoch
