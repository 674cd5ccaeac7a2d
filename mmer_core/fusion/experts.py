"""The experts that the default model multiplies, built from the record in its model.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmer_core.fusion.product import FrameLinear, ProductOfExperts
from mmer_core.fusion.voice import VoiceNetwork
from mmer_core.fusion.words import WordsNetwork
from mmer_core.labels import Modality
from mmer_core.registry import Registry

EXPERTS: Registry[nn.Module] = Registry("expert")
EXPERTS.register("frames")(FrameLinear)
EXPERTS.register("voice")(VoiceNetwork)
EXPERTS.register("words")(WordsNetwork)


def build_product(modalities: Mapping[str, Mapping[str, Any]], classes: int) -> ProductOfExperts:
    """An untrained product with the architecture that a record describes.

    Args:
        modalities: {modality: {"expert": name, "expert_options": {...}}}; other keys are ignored.
        classes: C.
    """
    experts = {Modality(name): EXPERTS.create(entry["expert"], **entry["expert_options"]) for name, entry in modalities.items()}
    return ProductOfExperts(experts, classes)
