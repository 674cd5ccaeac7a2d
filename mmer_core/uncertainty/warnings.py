"""Sentences to read beside an answer: what it rests on, and what in the input is unlike the training data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from mmer_core.clip import Clip, FaceTrack
from mmer_core.encoders.base import ModalityEncoder, warnings_of
from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.media.active_speaker import TIED
from mmer_core.uncertainty.cartoon import is_cartoon
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector

_UNLIKE = {
    Modality.TEXT: "These words are unlike those",
    Modality.AUDIO: "This sound is unlike the recordings",
    Modality.VISUAL: "This face is unlike the pictures",
    Modality.METADATA: "This place in the dialogue is unlike those",
}
_READ = {Modality.METADATA: "dialogue"}


def basis(present: Collection[Modality]) -> Iterator[str]:
    """A sentence if the answer rests on nothing, or on one modality alone."""
    if not present:
        yield (
            "Nothing to go by: these are the class frequencies of the training data, not a reading of "
            "this input."
        )
    elif len(present) == 1:
        (modality,) = present
        yield f"This answer rests on one modality alone ({MODALITY_TITLES[modality].lower()})."


def warnings(
    clip: Clip,
    features: Mapping[Modality, np.ndarray],
    detectors: Mapping[Modality, MahalanobisDetector],
    encoders: Mapping[Modality, ModalityEncoder],
) -> Iterator[str]:
    """Sentences about whatever in a clip is unlike the training data, and whose face it is where there are
    several.

    Args:
        features: {modality: (T, D)} of what the answer rests on.
        detectors: of the training data of each modality, where they were fitted.
        encoders: of the model; those that have `warnings` are asked for theirs.
    """
    if Modality.VISUAL in features and clip.faces is not None:
        yield from _about_faces(clip.faces)
    for modality, rows in features.items():
        score = detectors[modality].score(rows) if modality in detectors else 0.0
        if score > 1:
            what = _READ.get(modality, MODALITY_TITLES[modality].lower())
            yield (
                f"{_UNLIKE[modality]} used in training ({score:.1f} times the usual limit), so the reading "
                f"of the {what} may be unreliable."
            )
    for modality in features:
        if modality in encoders:
            yield from warnings_of(encoders[modality], clip)


def _about_faces(faces: FaceTrack) -> Iterator[str]:
    if faces.people > 1 and (faces.speaks or 0.0) < TIED:
        yield (
            f"{faces.people} faces are in view, and the one that is read may not be the one speaking: "
            f"{faces.rule}."
        )
    if is_cartoon(faces.crops):
        yield (
            "The face looks drawn or rendered: the model learned from photographs, and nothing is known "
            "of how well it reads drawings."
        )
