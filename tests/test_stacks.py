"""Training side by side must give what training one by one gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from feature_tables import make_table

from mmer_core import stacks, training
from mmer_core.experiment import Part
from mmer_core.folds import Fold
from mmer_core.labels import Modality
from mmer_core.training_config import TrainingConfig

FOLD = Fold(0, np.arange(60), np.arange(60, 90), np.arange(90, 120))
CONFIG = TrainingConfig(epochs=8, batch_size=16, patience=3, learning_rate=5e-3)


def both_ways(config, name="early", table=None, options=(), fold=FOLD):
    table = make_table(n=120) if table is None else table
    part = Part(name, table.modalities, tuple(options), config, 0)
    alone = training.build(name, dict(options), table, config, 3)
    reference = training.fit(alone, table, fold.train, fold.inner, config, seed=3)
    beside = training.build(name, dict(options), table, config, 3)
    (fitted,) = stacks.fit_all([stacks.Job(part, beside, table, fold, 3)])
    return (alone, reference), (beside, fitted)


def assert_same(first, second, tolerance=1e-4):
    (alone, reference), (beside, fitted) = first, second
    assert fitted.best_epoch == reference.best_epoch
    assert len(fitted.history) == len(reference.history)
    for ours, theirs in zip(fitted.history, reference.history, strict=True):
        assert ours == pytest.approx(theirs, rel=tolerance, abs=tolerance, nan_ok=True)
    for (name, ours), theirs in zip(beside.state_dict().items(), alone.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance, msg=name)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"class_weights": "balanced"},
        {"label_smoothing": 0.1},
        {"class_weights": "balanced", "label_smoothing": 0.2, "optimizer": "adamw"},
        {"patience": 0},
    ],
    ids=str,
)
def test_it_equals_training_one_by_one(change):
    assert_same(*both_ways(replace(CONFIG, **change)))


def test_absent_modalities_and_sequences_are_no_exception():
    assert_same(*both_ways(CONFIG, table=make_table(n=120, frames=4, absent=0.3)))
    audio = make_table(n=120, absent=0.3).using([Modality.AUDIO])
    assert_same(*both_ways(CONFIG, "unimodal", audio, [("hidden", (16,)), ("pooling", "max")]))


def test_without_an_inner_part_too():
    assert_same(*both_ways(CONFIG, fold=replace(FOLD, inner=np.zeros(0, dtype=np.int64))))


def test_low_precision_products_stay_close(monkeypatch):
    monkeypatch.setattr(stacks, "LOW_PRECISION_FROM", 0)
    (_, reference), (_, fitted) = both_ways(replace(CONFIG, epochs=4, learning_rate=1e-3, precision="bfloat16"))
    for ours, theirs in zip(fitted.history, reference.history, strict=True):
        assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=0.02)


def test_the_gradient_is_that_of_the_cross_entropy():
    torch.manual_seed(0)
    y, weight = torch.tensor([0, 2, 2, 1]), torch.tensor([0.5, 2.0, 1.0])
    logits = torch.randn(4, 3, requires_grad=True)
    F.cross_entropy(logits, y, weight=weight, label_smoothing=0.3).backward()
    scale, target, share = stacks.loss_targets(y, 3, weight, 0.3)
    torch.testing.assert_close((scale * logits.detach().softmax(1) - target) / share.sum(), logits.grad)


def test_dropout_trains_too():
    _, (beside, fitted) = both_ways(replace(CONFIG, epochs=20, patience=0), options=[("dropout", 0.3)])
    assert fitted.score > 0.7
    assert not beside.training


def test_neither_company_nor_threads_change_a_network():
    table = make_table(n=120)
    config = replace(CONFIG, epochs=3)
    part = Part("early", table.modalities, (), config, 0)

    def job(seed):
        return stacks.Job(part, training.build("early", {}, table, config, seed), table, FOLD, seed)

    together, alone = [job(seed) for seed in range(4)], job(2)
    stacks.fit_all(together)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    stacks.fit_all([alone])
    torch.set_num_threads(threads)
    for ours, theirs in zip(together[2].network.state_dict().values(), alone.network.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)


def test_an_error_in_one_network_ends_all_of_them():
    table = make_table(n=120)
    config = replace(CONFIG, learning_rate=1e30)
    part = Part("early", table.modalities, (), config, 0)
    jobs = [stacks.Job(part, training.build("early", {}, table, config, s), table, FOLD, s) for s in range(3)]
    with pytest.raises(training.TrainingError, match="no longer a number"):
        stacks.fit_all(jobs)


@pytest.mark.parametrize(
    ("fusion", "options", "change", "plain"),
    [
        ("early", (), {}, True),
        ("unimodal", (), {"class_weights": "balanced"}, True),
        ("early", (("input_dropout", 0.2),), {}, False),
        ("early", (), {"modality_dropout": 0.2}, False),
        ("early", (), {"clip_norm": 1.0}, False),
        ("ensemble", (), {}, False),
        ("late_weighted", (), {}, False),
    ],
)
def test_only_plain_networks_are_taken(fusion, options, change, plain):
    table = make_table()
    assert stacks.is_plain(Part(fusion, table.modalities, options, replace(CONFIG, **change), 0), table) is plain


def test_a_corpus_too_large_for_memory_is_left_to_the_other_way(monkeypatch):
    table = make_table()
    part = Part("early", table.modalities, (), CONFIG, 0)
    assert stacks.is_plain(part, table)
    monkeypatch.setattr(stacks, "KEEP_BYTES", 4 * len(table) * sum(table.dims.values()) - 1)
    assert not stacks.is_plain(part, table)
