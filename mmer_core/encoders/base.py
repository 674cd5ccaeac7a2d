"""The encoder interface and its record: the features it gives, where they come from, and its capabilities."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from mmer_core.clip import Clip
from mmer_core.labels import Modality

#: The relation between the rows of an encoder and the time of a clip:
#: - clip: they stand for the clip as a whole, or cannot be cut;
#: - rate: `EncoderSpec.rate` of them per second;
#: - faces: one for each row of `Clip.faces`;
#: - frames: one for each frame of `Clip.frames`;
#: - sentences: a stretch of text is encoded anew.
Timing = Literal["clip", "rate", "faces", "frames", "sentences"]
_CAPABILITIES = (
    "timing",
    "reads_dialogue",
    "spoken_part",
)  # they follow from the other fields and do not change features


@dataclass(frozen=True)
class EncoderSpec:
    """The record of one encoder: enough to repeat it, to know whether it may be used, and what it can do.

    Attributes:
        name: its name in the registry.
        modality: what it reads.
        dim: D, width of its features.
        source: package, hub repository or "this project".
        revision: version, commit or sha256 of the weights.
        licence: SPDX name or a short phrase.
        preprocessing: what happens to the input, in one sentence.
        rate: rows per second; None unless `timing` is "rate".
        needs_faces: it reads `Clip.faces`, so face detection must have run.
        timing: how its rows follow the time of a clip.
        reads_dialogue: `Clip.dialogue` changes its features.
        spoken_part: it reads the sound only where somebody is heard (`voice_activity.spoken_part`), so its
            rows begin there, and `Clip.voices` must be known.
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
    timing: Timing = "clip"
    reads_dialogue: bool = False
    spoken_part: bool = False

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change when anything that could change the features does; keys the store."""
        fields = {name: value for name, value in asdict(self).items() if name not in _CAPABILITIES}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


@runtime_checkable
class ModalityEncoder(Protocol):
    """Turns a clip into features of one modality.

    An encoder may also have `warnings(clip)`, see `warnings_of`.
    """

    spec: EncoderSpec

    def encode(self, clip: Clip) -> np.ndarray:
        """Features (T, D) float32, finite, T >= 1.

        Raises:
            Absent: the clip has nothing for this modality; the message says why.
        """
        ...


def warnings_of(encoder: ModalityEncoder, clip: Clip) -> tuple[str, ...]:
    """Sentences on why the encoder may not fit a clip; empty for encoders that have no such check."""
    check = getattr(encoder, "warnings", None)
    return tuple(check(clip)) if check else ()


class EncoderUnavailable(RuntimeError):
    """The encoder's weights are neither installed, nor in `MMER_MODELS`, nor reachable; the message says how
    to get them.
    """
