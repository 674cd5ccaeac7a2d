"""One stage of the text recipe: its batches, its loss, replay, distillation, stopping and going on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recipe_runs import SHORT_TEXT

from mmer_core.uncertainty.calibration import negative_log_likelihood
from recipes.words.corpora import Utterances, log_prior, read_goemotions, read_meld, under_own_prior
from recipes.words.network import TextClassifier, average
from recipes.words.stages import StageBatches, TextBatch, train_stage

pytestmark = pytest.mark.usefixtures("shallow_minilm")


@pytest.fixture
def meld(texts):
    return read_meld(texts / "meld", "train")


@pytest.fixture
def comments(texts):
    return read_goemotions(texts / "goemotions")


@pytest.fixture
def batches(meld, comments):
    """With a teacher and with replay; it learns hard labels as they are."""
    classifier = TextClassifier(replace(SHORT_TEXT, label_smoothing=0.0, distillation=0.8, replayed=5), 0)
    soft_labels = torch.full((2, 63, 7), 1 / 7)
    return StageBatches(classifier, meld, in_dialogue=0.5, soft_labels=soft_labels, replay=comments)


def test_an_epoch_shows_every_utterance_and_some_of_the_comments(batches):
    shown = []
    for number in range(2):
        epoch = list(batches.epoch(number))
        assert len(epoch) == len(batches)
        index = np.concatenate([batch.index for batch in epoch])
        in_dialogue = np.concatenate([batch.in_dialogue for batch in epoch])
        assert sorted(index[index < 63]) == list(range(63))
        assert len(index) == 63 + 5
        assert not in_dialogue[index >= 63].any()
        assert 0.2 < in_dialogue.mean() < 0.8
        shown.append(set(index.tolist()))
    assert shown[0] != shown[1], "other comments"
    again = np.concatenate([batch.index for batch in batches.epoch(1)])
    assert set(again.tolist()) == shown[1], "an epoch follows from its number"


def test_comments_are_learned_from_their_labels_at_their_own_frequencies(batches, meld, comments):
    logits = torch.randn(2, 7)
    shift = torch.from_numpy(log_prior(comments.labels) - log_prior(meld.labels))
    own = torch.log_softmax(logits[0], dim=0)
    soft = -(0.2 * own[meld.labels[4]] + 0.8 * own.mean())
    replayed = torch.log_softmax(logits[1] + shift, dim=0)[comments.labels[2]]
    batch = TextBatch([], np.array([4, 63 + 2]), np.array([False, False]))
    assert torch.allclose(batches.loss_of_logits(logits, batch), (soft - replayed) / 2)


def test_soft_labels_are_those_of_the_condition_that_is_shown(meld):
    soft_labels = torch.from_numpy(np.random.default_rng(0).dirichlet(np.ones(7), (2, 63))).float()
    classifier = TextClassifier(replace(SHORT_TEXT, label_smoothing=0.0, distillation=0.25), 0)
    batches = StageBatches(classifier, meld, soft_labels=soft_labels)
    logits, index, in_dialogue = torch.randn(2, 7), np.array([4, 9]), np.array([False, True])
    log_p = torch.log_softmax(logits, dim=1)
    hard = -(log_p[0, meld.labels[4]] + log_p[1, meld.labels[9]])
    soft = -(log_p[0] * soft_labels[0, 4]).sum() - (log_p[1] * soft_labels[1, 9]).sum()
    loss = batches.loss_of_logits(logits, TextBatch([], index, in_dialogue))
    assert torch.allclose(loss, (0.75 * hard + 0.25 * soft) / 2)


def test_replay_keeps_what_was_learned_before(meld, comments, tmp_path):
    """Comments that were learned, and then utterances much like them that are all called neutral."""
    other = Utterances(meld.ids, meld.texts, np.zeros(len(meld), dtype=np.int64), meld.groups)
    options = replace(SHORT_TEXT, replayed=7)
    first = TextClassifier(options, 0)
    train_stage(
        "first", first, StageBatches(first, comments), epochs=15, rate=5e-3, checkpoint=tmp_path / "first.st"
    )
    losses = {}
    for replay in (None, comments):
        classifier = TextClassifier(options, 0)
        classifier.load(first.tensors())
        batches = StageBatches(classifier, other, replay=replay)
        path = tmp_path / f"{replay is None}.st"
        train_stage("then", classifier, batches, epochs=4, rate=5e-3, checkpoint=path)
        logits = under_own_prior(comments, other.labels).logits(classifier.predict)
        losses[replay is None] = negative_log_likelihood(logits, comments.labels)
    assert losses[False] < losses[True] - 0.1


def test_stopped_and_resumed_it_gives_the_same_weights(meld, tmp_path, monkeypatch):
    def trained(path, epochs=2):
        classifier = TextClassifier(SHORT_TEXT, 0)
        batches = StageBatches(classifier, meld, in_dialogue=0.5)
        train_stage("x", classifier, batches, epochs=epochs, rate=5e-3, checkpoint=path)
        return classifier.tensors()

    expected = trained(tmp_path / "whole.st")
    with monkeypatch.context() as patch:
        patch.setattr("builtins.print", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "stopped.st")
    resumed = trained(tmp_path / "stopped.st")
    assert all(torch.equal(expected[name], resumed[name]) for name in expected)
    with pytest.raises(ValueError, match="belongs to a training with other data or options: delete it"):
        trained(tmp_path / "stopped.st", epochs=3)


def test_a_checkpoint_holds_what_is_trained_and_no_published_weights(meld, tmp_path):
    classifier = TextClassifier(SHORT_TEXT, 0)
    path = tmp_path / "a.st"
    train_stage("x", classifier, StageBatches(classifier, meld), epochs=1, rate=1e-3, checkpoint=path)
    trained = sum(tensor.nbytes for tensor in classifier.tensors().values())
    assert trained < path.stat().st_size < 4 * trained


def test_the_mean_of_trainings_is_the_mean_of_their_weights():
    torch.manual_seed(0)
    trained = [
        {
            "adapter.a.up": torch.randn(5, 2),
            "adapter.a.down": torch.randn(2, 4),
            "expert.layers.1.bias": torch.randn(7),
        }
        for _ in range(3)
    ]
    mean = average(trained)
    expected = sum(t["adapter.a.up"] @ t["adapter.a.down"] for t in trained) / 3
    assert torch.allclose(mean["adapter.a.up"] @ mean["adapter.a.down"], expected, atol=1e-6)
    assert torch.allclose(mean["expert.layers.1.bias"], sum(t["expert.layers.1.bias"] for t in trained) / 3)
