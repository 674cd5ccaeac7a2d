"""Any encoder on changed copies of the clips (system S4's augmentation): asked for by the option augment, "mel_cnn:augment=1"."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace

import numpy as np

from mmer_core.augmentation import Strength, augment_clip
from mmer_core.clip import Clip
from mmer_core.encoders.spec import ModalityEncoder


class AugmentedEncoder:
    """Encodes a copy of the clip that was changed at random; the same clip and the same view give the same copy.

    Args:
        inner: the encoder that reads the copy.
        view: which copy, a number; each is another one.
        strength: how far the copy may be changed.
    """

    def __init__(self, inner: ModalityEncoder, view: int, strength: Strength | None = None) -> None:
        self.inner, self.view, self.strength = inner, view, strength or Strength()
        changes = ", ".join(f"{name} {value:g}" for name, value in asdict(self.strength).items())
        self.spec = replace(inner.spec, preprocessing=f"{inner.spec.preprocessing} Before that, changed at random (view {view}; {changes}).")

    def encode(self, clip: Clip) -> np.ndarray:
        """Features of the copy; raises Absent like the inner encoder."""
        seed = hashlib.sha256(f"{clip.digest} {self.view}".encode()).digest()
        return self.inner.encode(augment_clip(clip, np.random.default_rng(list(seed)), self.strength))
