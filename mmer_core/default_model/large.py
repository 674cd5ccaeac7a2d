"""The large model: the default one with its words read by MPNet, whose published weights only a hub or a local folder brings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmer_core import checkpoint
from mmer_core.default_model.bundle import Variant, bundle
from mmer_core.default_model.card import AGAINST, write_card
from mmer_core.default_model.known_inputs import learn_familiarity
from mmer_core.default_model.text import TEACHER, train_text
from mmer_core.default_model.text_corpora import Utterances, read_goemotions, read_meld
from mmer_core.default_model.text_recipes import LARGE, TextTraining
from mmer_core.encoders.text import SentenceEncoder
from mmer_core.features.batch import collate
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.predictor import Predictor
from mmer_core.statistics import mean_interval, paired


def train_large_text(data: Path, work: Path, seed: int = 0, options: TextTraining = LARGE) -> dict[str, Any]:
    """Train its words in `work/large`, as `text.train_text`; what they learned also teaches the default model's.

    Raises:
        EncoderUnavailable: MPNet's weights cannot be had; the message says how.
    """
    return train_text(data, work / TEACHER, seed, options)


def bundle_large(data: Path, work: Path, out: Path, base: Path, seed: int = 0) -> dict[str, Any]:
    """Put its words together with the voice and the face in `work`, and compare it with the default model in `base`.

    Returns the record that is written to `out`. Its card says by how much the words are better on MELD's development part, with the interval over
    dialogues (a model that is no better is not worth its size), and on GoEmotions' test part.

    Raises:
        ValueError: a step of the default model, or `train_large_text`, has not been run in `work`.
        EncoderUnavailable: MPNet's weights cannot be had; the message says how.
    """
    own = work / TEACHER
    learn_familiarity(data, own, seed, only=(Modality.TEXT,))
    record = bundle(work, out, seed, Variant("mmer-large", base, {Modality.TEXT: own}))
    parts = read_meld(data / "meld", "dev"), read_goemotions(data / "goemotions", "test")
    gains = compare(Predictor.load(base), Predictor.load(out), *parts, seed)
    print(f"large: {gains}", flush=True)
    record["figures"][Modality.TEXT.value] |= {AGAINST: gains}
    checkpoint.write_record(out, record, list(checkpoint.read_record(out)["files"]), base)
    write_card(out, checkpoint.read_record(out))
    return record


def compare(first: Predictor, second: Predictor, dialogues: Utterances, comments: Utterances, seed: int = 0) -> dict[str, Any]:
    """Gain of the second model's words, for utterances alone, behind the turns before them, and for comments: difference in weighted F1, 95 %
    interval, p; and the difference in cross-entropy, in nats, with its interval: less is better."""
    gains = {}
    for way, part, before in (("alone", dialogues, None), ("in dialogue", dialogues, dialogues.before()), ("comments", comments, None)):
        one, other = (_answers(predictor, part, before) for predictor in (first, second))
        groups, rows = np.array(part.groups), np.arange(len(part))
        test = paired(part.labels, one.argmax(1), other.argmax(1), groups, len(EMOTIONS), metric="weighted_f1", seed=seed)
        entropy = mean_interval(one[rows, part.labels] - other[rows, part.labels], groups, seed=seed)
        gains[way] = {
            "weighted_f1": round(test.difference.value, 4),
            "low": round(test.difference.low, 4),
            "high": round(test.difference.high, 4),
            "p": round(test.p_bootstrap, 4),
            "cross_entropy": round(entropy.value, 4),
            "cross_entropy_low": round(entropy.low, 4),
            "cross_entropy_high": round(entropy.high, 4),
        }
    return gains


@torch.inference_mode()
def _answers(predictor: Predictor, part: Utterances, before: list[tuple[str, ...]] | None) -> np.ndarray:
    """(N, C) log probabilities that the words alone give."""
    encoder = predictor.encoders[Modality.TEXT]
    if not isinstance(encoder, SentenceEncoder):
        raise TypeError(f"the encoder of words {encoder.spec.name} reads no sentences")
    rows = encoder.encode_texts(part.texts, before)
    batch = collate([{Modality.TEXT: row} if len(row) else {} for row in rows], {m: predictor.encoders[m].spec.dim for m in predictor.modalities})
    answers: np.ndarray = predictor.model(batch).logits.log_softmax(dim=1).numpy()
    return answers
