"""What a person should know beside an answer: what it rests on, and what in the input the model was not made for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from mmer_core.clip import Clip
from mmer_core.drawings import looks_drawn
from mmer_core.encoders.spec import ModalityEncoder
from mmer_core.encoders.text import FOREIGN_PIECES, SentenceEncoder
from mmer_core.familiarity import Familiarity
from mmer_core.labels import MODALITY_TITLES, Modality

_UNLIKE = {Modality.TEXT: "The words are", Modality.AUDIO: "The sound is", Modality.VISUAL: "The face is"}


def basis(present: Collection[Modality]) -> Iterator[str]:
    """A sentence if the answer rests on nothing, or on one modality alone."""
    if not present:
        yield "Nothing to go by: these are the class frequencies of the training data, not a reading of this input."
    elif len(present) == 1:
        (modality,) = present
        yield f"This answer rests on one modality alone ({MODALITY_TITLES[modality].lower()})."


def warnings(
    clip: Clip,
    features: Mapping[Modality, np.ndarray],
    known: Mapping[Modality, Familiarity],
    encoder_of_words: ModalityEncoder | None,
) -> Iterator[str]:
    """What is unlike anything the model was trained on, and whose face it is where there are several.

    Args:
        features: {modality: (T, D)} of what the answer rests on.
        known: what the training data of each modality looked like, where that was kept.
    """
    if Modality.VISUAL in features and clip.faces is not None and clip.faces.people > 1:
        yield f"{clip.faces.people} faces are in view; {clip.faces.rule}."
    if Modality.VISUAL in features and clip.faces is not None and looks_drawn(clip.faces.crops):
        yield "The face looks drawn or rendered: the model learned from photographs, and nothing is known of how well it reads drawings."
    for modality, rows in features.items():
        strangeness = known[modality].strangeness(rows) if modality in known else 0.0
        if strangeness > 1:
            yield (
                f"{_UNLIKE[modality]} unlike those the model learned from ({strangeness:.1f} times the usual limit): "
                "nothing is known of how well it reads such input."
            )
    encoder, words = encoder_of_words, clip.text or ""
    if Modality.TEXT in features and isinstance(encoder, SentenceEncoder) and encoder.pieces_per_word(words) > FOREIGN_PIECES:
        yield "The words do not look like English, the only language that the model reads."
