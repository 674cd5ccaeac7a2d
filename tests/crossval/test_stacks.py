"""Training the networks of all folds together gives what training them one by one gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from feature_tables import make_table
from pretend_device import PretendTensor, move, pretended_device

from mmer_core.crossval import stacks
from mmer_core.crossval.experiment import Part
from mmer_core.crossval.stack_member import loss_targets
from mmer_core.evaluation.folds import Fold
from mmer_core.labels import Modality
from mmer_core.training import loop
from mmer_core.training.config import TrainingConfig

FOLD = Fold(0, np.arange(60), np.arange(60, 90), np.arange(90, 120))
CONFIG = TrainingConfig(
    epochs=8, batch_size=16, patience=3, learning_rate=5e-3, label_smoothing=0.0, weight_decay=1e-5
)
NO_DROPOUT = (("dropout", 0.0), ("input_dropout", 0.0))


def both_ways(config, name="early", table=None, options=NO_DROPOUT, fold=FOLD):
    table = make_table(n=120) if table is None else table
    part = Part(name, table.modalities, tuple(options), config, 0)
    alone = loop.build(name, dict(options), table, config, 3)
    reference = loop.fit(alone, table, fold.train, fold.validation, config, seed=3)
    stacked = loop.build(name, dict(options), table, config, 3)
    (fitted,) = stacks.fit_all([stacks.Job(part, stacked, table, fold, 3)])
    return (alone, reference), (stacked, fitted)


def assert_same(first, second, tolerance=1e-4):
    (alone, reference), (stacked, fitted) = first, second
    assert fitted.best_epoch == reference.best_epoch
    assert len(fitted.history) == len(reference.history)
    for row, expected in zip(fitted.history, reference.history, strict=True):
        assert row == pytest.approx(expected, rel=tolerance, abs=tolerance, nan_ok=True)
    for (name, value), expected in zip(
        stacked.state_dict().items(), alone.state_dict().values(), strict=True
    ):
        torch.testing.assert_close(value, expected, atol=tolerance, rtol=tolerance, msg=name)


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
    assert_same(*both_ways(CONFIG, "unimodal", audio, [("hidden", (16,)), ("pooling", "max"), *NO_DROPOUT]))


def test_without_a_validation_part_too():
    assert_same(*both_ways(CONFIG, fold=replace(FOLD, validation=np.zeros(0, dtype=np.int64))))


def test_bfloat16_products_stay_close():
    (_, reference), (_, fitted) = both_ways(
        replace(CONFIG, epochs=4, learning_rate=1e-3, precision="bfloat16")
    )
    for row, expected in zip(fitted.history, reference.history, strict=True):
        assert row["train_loss"] == pytest.approx(expected["train_loss"], rel=0.02)


def test_the_targets_make_the_cross_entropy():
    torch.manual_seed(0)
    y, weight = torch.tensor([0, 2, 2, 1]), torch.tensor([0.5, 2.0, 1.0])
    logits = torch.randn(4, 3)
    targets, share = loss_targets(y, 3, weight, 0.3)
    loss = -(targets * logits.log_softmax(1)).sum() / share.sum()
    torch.testing.assert_close(loss, F.cross_entropy(logits, y, weight=weight, label_smoothing=0.3))


def test_dropout_hides_features_but_not_flags_and_keeps_their_mean():
    table, config = make_table(n=120), replace(CONFIG, batch_size=60)
    options = (("dropout", 0.5), ("input_dropout", 0.25))
    network = loop.build("early", dict(options), table, config, 0)
    part = Part("early", table.modalities, options, config, 0)
    stack = stacks.Stack([stacks.Job(part, network, table, FOLD, 0)], lambda job, row: None)
    (member,) = stack.members
    member.x = torch.ones_like(member.x)
    x = torch.cat([stack._inputs(torch.arange(60)[None])[0].clone() for _ in range(40)])
    features, flags = x[:, : stack.features], x[:, stack.features :]
    assert torch.equal(flags, torch.ones_like(flags))
    assert sorted(features.unique().tolist()) == pytest.approx([0.0, 1 / 0.75])
    assert float(features.mean()) == pytest.approx(1.0, abs=0.02)
    masks = stack.layers.masks(2000, stack.draws)
    assert [tuple(mask.shape) for mask in masks] == [(1, 2000, 256), (1, 2000, 128)]
    for mask in masks:
        assert float((mask == 0).float().mean()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("name", ["early", "unimodal"])
def test_the_default_settings_train_here_as_well_as_one_by_one(name):
    """Dropout draws from another stream: the outcome is alike, not equal."""
    table = make_table(n=120)
    table = table.using([Modality.AUDIO]) if name == "unimodal" else table
    config = TrainingConfig(epochs=30, patience=0)
    assert stacks.is_plain(Part(name, table.modalities, (), config, 0), table)
    (_, reference), (network, fitted) = both_ways(config, name, table, options=())
    assert fitted.score == pytest.approx(reference.score, abs=0.1)
    assert fitted.history[-1]["train_loss"] == pytest.approx(reference.history[-1]["train_loss"], rel=0.15)
    assert not network.training


def jobs_of(table, folds, config, name="early", options=NO_DROPOUT):
    part = Part(name, table.modalities, options, config, 0)
    return [
        stacks.Job(
            replace(part, fold=fold.number),
            loop.build(name, dict(options), table, config, fold.number),
            table,
            fold,
            fold.number,
        )
        for fold in folds
    ]


def folds_of(table, sizes):
    """Folds with training parts of these sizes."""
    return [
        Fold(k, np.arange(n), np.arange(90, 110), np.arange(110, len(table))) for k, n in enumerate(sizes)
    ]


def assert_as_alone(job, fitted, table):
    config = job.part.training
    alone = loop.build(job.part.fusion, dict(job.part.options), table, config, job.seed)
    reference = loop.fit(alone, table, job.fold.train, job.fold.validation, config, seed=job.seed)
    assert_same((alone, reference), (job.network, fitted))


def test_folds_of_unequal_size_and_length_share_a_stack():
    """Other numbers of batches, other last batches, other last epochs: each fold is as it would be alone."""
    table = make_table(n=120, absent=0.1)
    jobs = jobs_of(table, folds_of(table, (64, 80, 80, 33, 17)), replace(CONFIG, patience=2, epochs=12))
    assert stacks.stacked(jobs) == [[0, 1, 2, 3, 4]]
    fitted = stacks.fit_all(jobs)
    assert len({len(f.history) for f in fitted}) > 1
    for job, own in zip(jobs, fitted, strict=True):
        assert_as_alone(job, own, table)


def test_networks_with_different_numbers_of_epochs_share_a_stack():
    """As when each fold is trained again for the epochs that were chosen for it."""
    table = make_table(n=120)
    folds = [replace(fold, validation=fold.validation[:0]) for fold in folds_of(table, (60, 70, 80))]
    jobs = [
        replace(job, part=replace(job.part, training=replace(CONFIG, epochs=epochs)))
        for job, epochs in zip(jobs_of(table, folds, CONFIG), (5, 1, 3), strict=True)
    ]
    assert stacks.stacked(jobs) == [[0, 1, 2]]
    fitted = stacks.fit_all(jobs)
    assert [f.best_epoch for f in fitted] == [5, 1, 3]
    for job, own in zip(jobs, fitted, strict=True):
        assert_as_alone(job, own, table)


def test_stacks_hold_one_kind_and_stay_small(monkeypatch):
    table = make_table(n=120)
    folds = folds_of(table, (60, 70, 80))
    jobs = [
        *jobs_of(table, folds, CONFIG),
        *jobs_of(table.using([Modality.TEXT]), folds, CONFIG, "unimodal"),
        *jobs_of(table, folds, replace(CONFIG, learning_rate=1e-4)),
    ]
    assert stacks.stacked(jobs) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    monkeypatch.setattr(stacks, "STACK_WEIGHTS", 2 * jobs[0].weights)
    assert stacks.stacked(jobs)[:2] == [[0, 1], [2]]


@pytest.mark.parametrize("options", [NO_DROPOUT, ()], ids=["plain", "dropout"])
def test_threads_do_not_change_a_network(options):
    table = make_table(n=120)
    folds = folds_of(table, (60, 70, 80))
    many, single = (
        jobs_of(table, folds, replace(CONFIG, epochs=3), options=options)
        + jobs_of(table.using([Modality.TEXT]), folds, replace(CONFIG, epochs=3), "unimodal", options)
        for _ in range(2)
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    stacks.fit_all(many)
    torch.set_num_threads(1)
    stacks.fit_all(single)
    torch.set_num_threads(threads)
    for one, other in zip(many, single, strict=True):
        assert all(
            torch.equal(a, b)
            for a, b in zip(
                one.network.state_dict().values(), other.network.state_dict().values(), strict=True
            )
        )


def test_an_error_in_one_network_ends_all_of_them():
    table = make_table(n=120)
    jobs = jobs_of(table, folds_of(table, (60, 70, 80)), replace(CONFIG, learning_rate=1e30))
    with pytest.raises(loop.TrainingError, match="NaN or infinite in epoch"):
        stacks.fit_all(jobs)


@pytest.mark.parametrize(
    ("fusion", "options", "change", "plain"),
    [
        ("early", (), {}, True),
        ("unimodal", (), {"class_weights": "balanced"}, True),
        ("early", NO_DROPOUT, {}, True),
        ("early", (), {"modality_dropout": 0.2}, False),
        ("early", (), {"clip_norm": 1.0}, False),
        ("ensemble", (), {}, False),
        ("late_weighted", (), {}, False),
    ],
)
def test_only_plain_networks_are_taken(fusion, options, change, plain):
    table = make_table()
    assert (
        stacks.is_plain(Part(fusion, table.modalities, options, replace(CONFIG, **change), 0), table) is plain
    )


def test_a_corpus_too_large_for_memory_is_left_to_the_other_way(monkeypatch):
    table = make_table()
    part = Part("early", table.modalities, (), CONFIG, 0)
    assert stacks.is_plain(part, table)
    monkeypatch.setattr(stacks, "KEEP_BYTES", 4 * len(table) * sum(table.dims.values()) - 1)
    assert not stacks.is_plain(part, table)


def test_a_stack_stays_on_the_device_of_its_networks(monkeypatch):
    table = make_table(n=120, absent=0.1)
    expected = jobs_of(table, folds_of(table, (60, 70)), replace(CONFIG, epochs=2))
    fitted = stacks.fit_all(expected)
    with pretended_device(monkeypatch):
        jobs = jobs_of(table, folds_of(table, (60, 70)), replace(CONFIG, epochs=2))
        for job in jobs:
            move(job.network)
        stack = stacks.Stack(jobs, lambda job, row: None)
        found = stack.fit()
    assert all(isinstance(value, PretendTensor) for value in jobs[0].network.state_dict().values())
    for own, other in zip(found, fitted, strict=True):
        assert own.best_epoch == other.best_epoch
        assert own.history[-1] == pytest.approx(other.history[-1], rel=1e-4)
