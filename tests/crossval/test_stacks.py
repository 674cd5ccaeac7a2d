"""Training side by side must give what training one by one gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from feature_tables import make_table

from mmer_core.crossval import stacked_layers, stacks
from mmer_core.crossval.experiment import Part
from mmer_core.folds import Fold
from mmer_core.labels import Modality
from mmer_core.training import loop
from mmer_core.training.config import TrainingConfig

FOLD = Fold(0, np.arange(60), np.arange(60, 90), np.arange(90, 120))
CONFIG = TrainingConfig(epochs=8, batch_size=16, patience=3, learning_rate=5e-3)


def both_ways(config, name="early", table=None, options=(), fold=FOLD):
    table = make_table(n=120) if table is None else table
    part = Part(name, table.modalities, tuple(options), config, 0)
    alone = loop.build(name, dict(options), table, config, 3)
    reference = loop.fit(alone, table, fold.train, fold.inner, config, seed=3)
    beside = loop.build(name, dict(options), table, config, 3)
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
    monkeypatch.setattr(stacked_layers, "LOW_PRECISION_FROM", 0)
    (_, reference), (_, fitted) = both_ways(replace(CONFIG, epochs=4, learning_rate=1e-3, precision="bfloat16"))
    for ours, theirs in zip(fitted.history, reference.history, strict=True):
        assert ours["train_loss"] == pytest.approx(theirs["train_loss"], rel=0.02)


def test_the_gradient_is_that_of_the_cross_entropy():
    torch.manual_seed(0)
    y, weight = torch.tensor([0, 2, 2, 1]), torch.tensor([0.5, 2.0, 1.0])
    logits = torch.randn(4, 3, requires_grad=True)
    F.cross_entropy(logits, y, weight=weight, label_smoothing=0.3).backward()
    scale, target, share = stacked_layers.loss_targets(y, 3, weight, 0.3)
    torch.testing.assert_close((scale * logits.detach().softmax(1) - target) / share.sum(), logits.grad)


def test_dropout_trains_too():
    _, (beside, fitted) = both_ways(replace(CONFIG, epochs=20, patience=0), options=[("dropout", 0.3)])
    assert fitted.score > 0.7
    assert not beside.training


def jobs_of(table, folds, config, name="early"):
    part = Part(name, table.modalities, (), config, 0)
    return [stacks.Job(replace(part, fold=fold.number), loop.build(name, {}, table, config, fold.number), table, fold, fold.number) for fold in folds]


def folds_of(table, sizes):
    """Folds with training parts of these sizes."""
    return [Fold(k, np.arange(n), np.arange(90, 110), np.arange(110, len(table))) for k, n in enumerate(sizes)]


def test_folds_of_unequal_size_and_length_share_a_stack():
    """Other numbers of batches, other last batches, other last epochs: each fold is as it would be alone."""
    table = make_table(n=120, absent=0.1)
    config = replace(CONFIG, patience=2, epochs=12)
    folds = folds_of(table, (64, 80, 80, 33, 17))
    jobs = jobs_of(table, folds, config)
    assert stacks.stacked(jobs) == [[0, 1, 2, 3, 4]]
    fitted = stacks.fit_all(jobs)
    assert len({len(f.history) for f in fitted}) > 1
    for job, ours in zip(jobs, fitted, strict=True):
        alone = loop.build("early", {}, table, config, job.seed)
        reference = loop.fit(alone, table, job.fold.train, job.fold.inner, config, seed=job.seed)
        assert_same((alone, reference), (job.network, ours))


def test_stacks_hold_one_kind_and_stay_small(monkeypatch):
    table = make_table(n=120)
    folds = folds_of(table, (60, 70, 80))
    jobs = [
        *jobs_of(table, folds, CONFIG),
        *jobs_of(table.using([Modality.TEXT]), folds, CONFIG, "unimodal"),
        *jobs_of(table, folds, replace(CONFIG, epochs=2)),
    ]
    assert stacks.stacked(jobs) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    monkeypatch.setattr(stacks, "STACK_WEIGHTS", 2 * jobs[0].weights)
    assert stacks.stacked(jobs)[:2] == [[0, 1], [2]]


def test_threads_do_not_change_a_network():
    table = make_table(n=120)
    folds = folds_of(table, (60, 70, 80))
    many, single = (jobs_of(table, folds, replace(CONFIG, epochs=3)) for _ in range(2))
    stacks.fit_all(many)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    stacks.fit_all(single)
    torch.set_num_threads(threads)
    for one, other in zip(many, single, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.network.state_dict().values(), other.network.state_dict().values(), strict=True))


def test_an_error_in_one_network_ends_all_of_them():
    table = make_table(n=120)
    config = replace(CONFIG, learning_rate=1e30)
    part = Part("early", table.modalities, (), config, 0)
    jobs = [stacks.Job(part, loop.build("early", {}, table, config, s), table, FOLD, s) for s in range(3)]
    with pytest.raises(loop.TrainingError, match="no longer a number"):
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
