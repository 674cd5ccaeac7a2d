"""Batches of several corpora with different frequencies and missing emotions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recipe_runs import SHORT_TEXT

from mmer_core.labels import EMOTIONS
from recipes.words.corpora import Utterances, log_prior, read_goemotions, read_meld
from recipes.words.mixture import MISSING, MixtureBatches, Part, shift
from recipes.words.network import TextClassifier
from recipes.words.stages import TextBatch, train_stage

pytestmark = pytest.mark.usefixtures("shallow_minilm")
OPTIONS = replace(SHORT_TEXT, label_smoothing=0.1, distillation=0.8)


@pytest.fixture
def meld(texts):
    return read_meld(texts / "meld", "train")


@pytest.fixture
def comments(texts):
    """Of two emotions only."""
    part = read_goemotions(texts / "goemotions")
    return part.take(np.flatnonzero(np.isin(part.labels, [1, 4])))


@pytest.fixture
def teacher():
    return torch.from_numpy(np.random.default_rng(0).normal(size=(2, 63, 7))).float()


@pytest.fixture
def batches(meld, comments, teacher):
    parts = [Part(meld, 20, teacher), Part(comments, 99)]
    return MixtureBatches(TextClassifier(OPTIONS, 0), parts, in_dialogue=0.5)


def test_an_epoch_shows_as_many_of_each_as_wanted_and_none_twice(batches):
    shown = []
    for number in range(2):
        epoch = list(batches.epoch(number))
        index = np.concatenate([batch.index for batch in epoch])
        behind = np.concatenate([batch.in_dialogue for batch in epoch])
        assert len(epoch) == len(batches)
        assert (len(index), len(set(index.tolist()))) == (22, 22)
        assert (index < 63).sum() == 20
        assert not behind[index >= 63].any()
        assert behind.any()
        shown.append(set(index.tolist()))
    assert shown[0] != shown[1]
    assert {i for batch in batches.epoch(0) for i in batch.index.tolist()} == shown[0]


def test_missing_emotions_take_no_part_and_frequencies_are_those_of_the_corpus(batches, meld, comments):
    logits = torch.randn(1, 7)
    label = int(comments.labels[1])
    own = torch.tensor([1, 4])
    adjusted = logits[0] + torch.from_numpy(log_prior(comments.labels) - log_prior(meld.labels))
    log_p = torch.log_softmax(adjusted[own], dim=0)
    expected = -(0.9 * log_p[own.tolist().index(label)] + 0.1 * log_p.mean())
    batch = TextBatch([], np.array([63 + 1]), np.array([False]))
    assert torch.allclose(batches.loss_of_logits(logits, batch), expected, atol=1e-5)
    other = logits.clone()
    other[0, [0, 2, 3, 5, 6]] += 5.0
    assert torch.allclose(batches.loss_of_logits(other, batch), expected, atol=1e-5)


def test_the_teacher_is_followed_in_the_condition_that_is_shown(batches, meld, teacher):
    logits = torch.randn(1, 7)
    log_p = torch.log_softmax(logits[0], dim=0)
    hard = -(0.9 * log_p[meld.labels[9]] + 0.1 * log_p.mean())
    for behind in (0, 1):
        soft = -(torch.softmax(teacher[behind, 9], dim=0) * log_p).sum()
        loss = batches.loss_of_logits(logits, TextBatch([], np.array([9]), np.array([bool(behind)])))
        assert torch.allclose(loss, 0.2 * hard + 0.8 * soft, atol=1e-5)


def test_a_rare_emotion_elsewhere_is_not_learned_as_rare(meld, tmp_path):
    """Texts without any meaning, nine of ten of them angry: the logits stay even."""
    texts = tuple(f"table {i}" for i in range(60))
    labels = np.array([1] * 54 + [4] * 6)
    other = Utterances(texts, texts, labels, texts)
    classifier = TextClassifier(OPTIONS, 0)
    parts = [Part(meld, 63), Part(other, 60)]
    batches = MixtureBatches(classifier, parts, in_dialogue=0.0)
    train_stage("x", classifier, batches, epochs=4, rate=3e-3, checkpoint=tmp_path / "x.st")
    logits = classifier.predict(["table 90", "table 91"])
    anger, joy = (EMOTIONS.index(e) for e in ("anger", "joy"))
    assert abs(float((logits[:, anger] - logits[:, joy]).mean())) < 1.2  # log 9 is 2.2


def test_shifts_name_the_missing(meld, comments):
    found = shift(comments.labels, meld.labels)
    assert (found[[1, 4]] > -1).all()
    assert (found[[0, 2, 3, 5, 6]] == np.float32(MISSING)).all()


def test_checkpoints_of_other_mixtures_are_told_apart(batches, meld, comments):
    again = MixtureBatches(TextClassifier(OPTIONS, 0), [Part(meld, 20), Part(comments, 99)], in_dialogue=0.5)
    assert again.identity() != batches.identity()
