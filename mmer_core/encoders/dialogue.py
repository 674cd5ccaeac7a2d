"""The place of an utterance in its conversation."""

from __future__ import annotations

import numpy as np

from mmer_core.clip import Absent, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.base import EncoderSpec
from mmer_core.labels import Modality

COLUMNS: tuple[str, ...] = ("duration", "position", "relative_position")


@ENCODERS.register(
    "dialogue",
    modality=Modality.METADATA,
    description="length of the utterance and its place in the dialogue",
    order=10,
    seconds_per_clip=0.001,
)
class DialogueEncoder:
    """Seconds of the utterance, its position in the dialogue, and that position as a share of the
    dialogue.
    """

    spec = EncoderSpec(
        name="dialogue",
        modality=Modality.METADATA,
        dim=len(COLUMNS),
        source="this project",
        revision="1",
        licence="MIT",
        preprocessing="duration in seconds (0 if unknown), position from 0, position divided by the "
        "dialogue's last one",
        reads_dialogue=True,
    )

    def encode(self, clip: Clip) -> np.ndarray:
        """(1, 3) float32; columns as in `COLUMNS`. The relative position is in [0, 1], and 0 in a dialogue of
        one utterance.

        Raises:
            Absent: the clip stands in no dialogue.
        """
        dialogue = clip.dialogue
        if dialogue is None:
            raise Absent(clip.absent.get(Modality.METADATA, "the clip stands in no dialogue"))
        relative = dialogue.index / max(dialogue.length - 1, 1)
        return np.array([[dialogue.duration, dialogue.index, relative]], dtype=np.float32)
