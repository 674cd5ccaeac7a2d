"""The time that extraction and training will take, in sentences that say what they rest on."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mmer_core.features.table import GIVEN
from mmer_core.labels import Modality
from mmer_core.training.request import TrainRequest
from ui.train.commands import FoldCheck, PlanError, experiments
from ui.train.corpus import read_corpus
from ui.train.features import encoder_state

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest

USUAL_SECONDS = 3.5  # of a clip, where nothing better is known
VIDEO_FRAMES = 14  # looked at in such a clip
UNKNOWN_WIDTH = 768  # of an encoder that is not on this machine yet
SAMPLED = 8  # given arrays whose shape is read


def duration_sentences(
    request: TrainRequest, manifest: Manifest, folds: FoldCheck, *, extract: bool
) -> list[str]:
    """One sentence for the features, if any are encoded, and one for the training.

    Raises:
        ValueError: the request cannot be trained.
    """
    found = []
    if extract:
        found.append(_extraction_sentence(request, len(manifest)))
    elif request.encoded:
        found.append("Features: in the store already.")
    number = len(folds.sizes)
    seconds = training_seconds(
        replace(request, name="", out=""), round(float(folds.sizes["training"].mean())), number
    )
    basis = (
        f"measured just now on this machine with networks of this size; {number} folds, all epochs, "
        "though most folds end earlier, and a last training on all of them"
    )
    return [*found, f"Training: :material/timer: at most **{spoken(seconds)}** ({basis})."]


def spoken(seconds: float) -> str:
    """A long duration in words: "a few seconds", "40 s", "3 min", "2.5 h"."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _extraction_sentence(request: TrainRequest, clips: int) -> str:
    from mmer_core.crossval.estimate import extraction_seconds

    cores = os.cpu_count() or 1
    seconds = extraction_seconds(clips, request.encoded, cores)
    if seconds is None:
        return (
            "Features: unknown, since one of the encoders was never measured; extraction can be stopped and "
            "goes on later."
        )
    times = spoken(seconds * (1 + request.views))
    basis = f"{clips:,} clips in {cores} processes; measured on another machine, with clips of 3 to 4 s"
    return f"Features: :material/timer: about **{times}** ({basis})."


@st.cache_data(show_spinner=False, max_entries=64, hash_funcs={TrainRequest: str})
def training_seconds(request: TrainRequest, n: int, folds: int) -> float:
    """Seconds that training takes at most; `n` utterances in a training part.

    Raises:
        ValueError: the request cannot be trained.
    """
    from mmer_core.crossval import estimate

    manifest = read_corpus(request.corpus, tuple(request.corpus_options.items()))
    shapes = {
        Modality(m): _given_shape(manifest, Modality(m)) if e == GIVEN else _encoded_shape(Modality(m), e)
        for m, e in request.encoders.items()
    }
    return sum(
        estimate.training_seconds(
            experiment, {m: shapes[m] for m in experiment.modalities}, len(manifest.labels), n, folds
        )
        for experiment in experiments(request).values()
    )


def _given_shape(manifest: Manifest, modality: Modality) -> tuple[int, int]:
    """(T, D): the median length and the width of the first arrays that can be read."""
    from mmer_core.clip import Absent
    from mmer_core.corpora import FeatureFiles

    shapes: list[tuple[int, ...]] = []
    with FeatureFiles(manifest.root) as files:
        for utterance in manifest.utterances():
            if modality in utterance.features and len(shapes) < SAMPLED:
                try:
                    shapes.append(files.read(utterance.features[modality]).shape)
                except Absent:
                    continue  # training lists it
    if not shapes:
        raise PlanError(f"none of the {modality} features can be read: leave them out or put the files back")
    return int(np.median([shape[0] for shape in shapes])), shapes[0][1]


def _encoded_shape(modality: Modality, encoder: str) -> tuple[int, int]:
    """(T, D) of an encoder's features for a usual clip."""
    spec = encoder_state(encoder).spec
    if spec is None:
        return VIDEO_FRAMES if modality is Modality.VISUAL else 1, UNKNOWN_WIDTH
    if spec.rate:
        return round(spec.rate * USUAL_SECONDS), spec.dim
    return VIDEO_FRAMES if modality is Modality.VISUAL else 1, spec.dim
