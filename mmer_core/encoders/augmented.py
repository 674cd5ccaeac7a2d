"""Any encoder on augmented copies of the clips, as the request "mel_cnn:augment=1" asks for."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace

import numpy as np

from mmer_core.clip import Clip
from mmer_core.encoders.base import ModalityEncoder
from mmer_core.media.augmentation import Strength, augment_clip


class AugmentedEncoder:
    """Encodes a copy of the clip that was changed at random; the same clip and the same view give the same
    copy.

    Args:
        encoder: reads the copy.
        view: which copy, a number; each is another one.
        strength: how far the copy may be changed.
    """

    def __init__(self, encoder: ModalityEncoder, view: int, strength: Strength | None = None) -> None:
        self.encoder, self.view, self.strength = encoder, view, strength or Strength()
        changes = ", ".join(f"{name} {value:g}" for name, value in asdict(self.strength).items())
        self.spec = replace(
            encoder.spec,
            preprocessing=f"{encoder.spec.preprocessing} Before that, changed at random (view {view}; "
            f"{changes}).",
        )

    def encode(self, clip: Clip) -> np.ndarray:
        """Features of the copy; raises Absent like the encoder itself."""
        seed = hashlib.sha256(f"{clip.digest} {self.view}".encode()).digest()
        return self.encoder.encode(augment_clip(clip, np.random.default_rng(list(seed)), self.strength))
