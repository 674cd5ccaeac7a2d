"""What an encoder is, and what is written down about it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from mmer_core.clip import Clip
from mmer_core.labels import Modality


@dataclass(frozen=True)
class EncoderSpec:
    """The record of one encoder: enough to repeat it and to know whether we may use it.

    Attributes:
        name: its name in the registry.
        modality: the evidence it reads.
        dim: D, width of its features.
        source: package, hub repository or "this project".
        revision: version, commit or sha256 of the weights.
        licence: SPDX name or a short phrase.
        preprocessing: what happens to the input, in one sentence.
        rate: feature frames per second; None when it gives one vector (T = 1) or follows the video's frames.
        needs_faces: it reads `Clip.faces`, so face detection must have run.
    """

    name: str
    modality: Modality
    dim: int
    source: str
    revision: str
    licence: str
    preprocessing: str
    rate: float | None = None
    needs_faces: bool = False

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change when anything that could change the features does."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@runtime_checkable
class ModalityEncoder(Protocol):
    """Turns a clip into features of one modality."""

    spec: EncoderSpec

    def encode(self, clip: Clip) -> np.ndarray:
        """Features (T, D) float32, finite, T >= 1.

        Raises:
            Absent: the clip has nothing for this modality; the message says why.
        """
        ...


class EncoderUnavailable(RuntimeError):
    """The encoder's weights are neither installed, nor in `MMER_MODELS`, nor reachable; the message says how to get them."""
