"""The large model: the default one with its words read by MPNet, whose published weights only a hub or a
local folder brings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmer_core import checkpoint
from mmer_core.encoders.sentences import SentenceEncoder
from mmer_core.evaluation.statistics import mean_interval, paired
from mmer_core.inference.card import AGAINST, write_card
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import EMOTIONS, Modality
from recipes.bundle.assemble import Variant, bundle
from recipes.bundle.detectors import fit_detectors
from recipes.bundle.product import DRAWS
from recipes.words.corpora import Condition, Utterances, read_goemotions, read_meld
from recipes.words.recipes import LARGE, TextTraining
from recipes.words.train import TEACHER, train_words


def train_large_words(data: Path, work: Path, seed: int = 0, options: TextTraining = LARGE) -> dict[str, Any]:
    """Train its text network in `work/large` with `words.train_words`; it is the teacher of the default
    model's.

    Raises:
        EncoderUnavailable: MPNet's weights cannot be had; the message says how.
    """
    return train_words(data, work / TEACHER, seed, options)


def bundle_large(
    data: Path, work: Path, out: Path, base: Path, seed: int = 0, *, draws: int = DRAWS
) -> dict[str, Any]:
    """Put its text network together with the voice and the face in `work`, and compare it with the default
    model in `base`.

    Returns the record that is written to `out`. Its card has the gain on MELD's development part, with the
    interval over dialogues (a model that is no better is not worth its size), and on GoEmotions' test part.

    Raises:
        ValueError: a step of the default model, or `train_large_words`, has not been run in `work`.
        EncoderUnavailable: MPNet's weights cannot be had; the message says how.
    """
    own = work / TEACHER
    fit_detectors(data, own, seed, only=(Modality.TEXT,))
    record = bundle(work, out, seed, Variant("mmer-large", base, {Modality.TEXT: own}), draws)
    parts = read_meld(data / "meld", "dev"), read_goemotions(data / "goemotions", "test")
    gains = compare(EmotionModel.load(base), EmotionModel.load(out), *parts, seed)
    print(f"large: {gains}", flush=True)
    record["card"]["figures"][Modality.TEXT.value] |= {AGAINST: gains}
    checkpoint.write_record(out, record, list(checkpoint.read_record(out)["files"]), base)
    write_card(out, checkpoint.read_record(out))
    return record


def compare(
    first: EmotionModel, second: EmotionModel, dialogues: Utterances, comments: Utterances, seed: int = 0
) -> dict[str, Any]:
    """Gain of the second model's words for utterances alone, behind the turns before them, and for comments:
    difference in weighted F1, 95 % interval, p; and the difference in cross-entropy, in nats, with its
    interval: less is better.
    """
    conditions = {
        "alone": (Condition(dialogues.texts, None, dialogues.labels), dialogues.groups),
        "in dialogue": (Condition(dialogues.texts, dialogues.contexts(), dialogues.labels), dialogues.groups),
        "comments": (Condition(comments.texts, None, comments.labels), comments.groups),
    }
    gains = {}
    for name, (condition, groups_of) in conditions.items():
        one, other = (log_probabilities(model, condition) for model in (first, second))
        truth, groups, rows = condition.labels, np.array(groups_of), np.arange(len(condition.labels))
        test = paired(
            truth, one.argmax(1), other.argmax(1), groups, len(EMOTIONS), metric="weighted_f1", seed=seed
        )
        entropy = mean_interval(one[rows, truth] - other[rows, truth], groups, seed=seed)
        figures = {
            "weighted_f1": test.difference.value,
            "low": test.difference.low,
            "high": test.difference.high,
            "p": test.p_bootstrap,
            "cross_entropy": entropy.value,
            "cross_entropy_low": entropy.low,
            "cross_entropy_high": entropy.high,
        }
        gains[name] = {key: round(value, 4) for key, value in figures.items()}
    return gains


@torch.inference_mode()
def log_probabilities(model: EmotionModel, condition: Condition) -> np.ndarray:
    """(N, C) log probabilities by the model's words alone."""
    encoder = model.encoders[Modality.TEXT]
    if not isinstance(encoder, SentenceEncoder):
        raise TypeError(f"the text encoder {encoder.spec.name} reads no sentences")
    rows = encoder.encode_texts(condition.texts, condition.context)
    samples = [{Modality.TEXT: row} if len(row) else {} for row in rows]
    probabilities = model.scorer.probabilities(samples, [(Modality.TEXT,)])[0]
    return np.log(np.maximum(probabilities, 1e-30))
