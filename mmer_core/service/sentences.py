"""Sentences that arrived together, encoded in one batch."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mmer_core.clip import Clip
from mmer_core.encoders.base import EncoderSpec, EncoderUnavailable, ModalityEncoder
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.prediction import Prediction
from mmer_core.labels import Modality


@dataclass(frozen=True)
class Sentence:
    """Words to answer, and the modalities that count."""

    clip: Clip
    use: tuple[Modality, ...]


class _Encoded:
    """Stands for the encoder of one sentence whose features are known."""

    def __init__(self, spec: EncoderSpec, features: np.ndarray) -> None:
        self.spec, self._features = spec, features

    def encode(self, clip: Clip) -> np.ndarray:
        return self._features


def answer_sentences(model: EmotionModel, sentences: Sequence[Sentence]) -> list[Prediction | Exception]:
    """The answer to each sentence, or what went wrong with it. Encoders that have `encode_texts` are called
    once for all; otherwise each sentence is encoded alone.
    """
    began = time.perf_counter()
    found = _encoded(model.encoders.get(Modality.TEXT), sentences)
    share = (time.perf_counter() - began) / len(sentences)
    answers: list[Prediction | Exception] = []
    for sentence, features in zip(sentences, found, strict=True):
        try:
            answers.append(_answer(model, sentence, features, share))
        except Exception as error:  # noqa: BLE001  one sentence does not spoil the others
            answers.append(error)
    return answers


def _answer(model: EmotionModel, sentence: Sentence, features: np.ndarray | None, share: float) -> Prediction:
    reader = model
    if features is not None:
        reader = copy.copy(model)
        spec = model.encoders[Modality.TEXT].spec
        reader.encoders = {**model.encoders, Modality.TEXT: _Encoded(spec, features)}
    prediction = model.fuse(reader.observe(sentence.clip, use=sentence.use), sentence.use)
    if features is not None:
        prediction.timings[Modality.TEXT.value] = share
    return prediction


def _encoded(encoder: ModalityEncoder | None, sentences: Sequence[Sentence]) -> list[np.ndarray | None]:
    """(T, D) of each sentence; None for those that are left to the encoder alone."""
    found: list[np.ndarray | None] = [None] * len(sentences)
    many = getattr(encoder, "encode_texts", None)
    chosen = [i for i, s in enumerate(sentences) if Modality.TEXT in s.use and s.clip.text]
    if many is None or len(chosen) < 2:
        return found
    clips = [sentences[i].clip for i in chosen]
    previous = [clip.dialogue.previous if clip.dialogue else () for clip in clips]
    try:
        rows = many([clip.text for clip in clips], previous)
    except EncoderUnavailable:  # of one of them (another language); each is told on its own
        return found
    for i, features in zip(chosen, rows, strict=True):
        found[i] = features if len(features) else None
    return found
