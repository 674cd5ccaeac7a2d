"""Training of fusion networks: `loop.build`, `loop.fit`, `loop.prepare`."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from feature_tables import DIMS, make_table

from mmer_core import fusion
from mmer_core.labels import Modality
from mmer_core.training import inputs, loop
from mmer_core.training.config import TrainingConfig
from mmer_core.training.inputs import InputSource, logits_of
from mmer_core.training.loop import TrainingError

QUICK = TrainingConfig(epochs=3, batch_size=16)
TRAIN, VALIDATION = np.arange(60), np.arange(60, 90)


def trained(table, config=QUICK, name="early", seed=0, **options):
    model = loop.build(name, options, table, config, seed)
    return model, loop.fit(model, table, TRAIN, VALIDATION, config, seed=seed)


def same_weights(a, b):
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("name", ["early", "late_weighted", "ensemble", "mmmla"])
def test_a_seed_decides_everything(name):
    table = make_table(frames=3, absent=0.2)
    config = replace(QUICK, epochs=2, modality_dropout=0.3, spec_augment=True, temporal_sampling=0.2)
    (one, first), (two, again), (three, _) = (trained(table, config, name, seed) for seed in (1, 1, 2))
    assert first == again
    assert same_weights(one, two)
    assert not same_weights(one, three)


def test_training_does_not_touch_the_global_generator():
    state = torch.random.get_rng_state()
    trained(make_table())
    assert torch.equal(state, torch.random.get_rng_state())


def test_it_learns_what_can_be_learned():
    _, fitted = trained(make_table(n=90), replace(QUICK, epochs=20, select_by="accuracy"))
    assert fitted.history[-1]["train_loss"] < fitted.history[0]["train_loss"] / 2
    assert fitted.score > 0.8


def test_standardisation_and_prior_come_from_the_training_part_only():
    table = make_table(frames=4, absent=0.2)
    model, _ = trained(table, replace(QUICK, epochs=1))
    train = table.batch(TRAIN)
    for modality in table.modalities:
        vectors = [
            row[~pad].mean(0)
            for row, pad in zip(train.x[modality], train.pad[modality], strict=True)
            if not pad.all()
        ]
        torch.testing.assert_close(
            model.standardizers[modality].mean, torch.stack(vectors).mean(0), atol=1e-5, rtol=1e-5
        )
    torch.testing.assert_close(model.log_prior.exp(), torch.bincount(train.y, minlength=3) / 60)


@pytest.mark.parametrize("what", ["features", "labels"])
def test_other_parts_change_nothing(what):
    """Poison every utterance outside training and validation part: weights, epoch and scores must stay."""
    table = make_table(n=120)
    config = replace(QUICK, class_weights="balanced", patience=1, epochs=6)
    before, fitted = trained(table, config)
    poisoned = make_table(n=120)
    if what == "labels":
        poisoned = replace(poisoned, y=np.where(np.arange(120) >= 90, 0, poisoned.y))
    else:
        for column in poisoned.columns.values():
            column.frames[column.start[90:]] = 1e6
    after, again = trained(poisoned, config)
    assert fitted == again
    assert same_weights(before, after)


def test_the_weights_kept_are_those_of_the_best_epoch():
    table = make_table()
    config = replace(QUICK, epochs=12, learning_rate=0.02, select_by="accuracy")
    model, fitted = trained(table, config)
    assert fitted.score == max(row["validation_accuracy"] for row in fitted.history)
    logits = logits_of(model, InputSource(model, table, VALIDATION), torch.from_numpy(VALIDATION))
    row = loop.validation_scores(logits, torch.from_numpy(table.y[VALIDATION]))
    assert row["validation_accuracy"] == fitted.score
    assert row["validation_loss"] == pytest.approx(fitted.history[fitted.best_epoch - 1]["validation_loss"])


def test_without_a_validation_part_all_epochs_are_trained_and_the_last_is_kept():
    table = make_table()
    model = loop.build("early", {}, table, QUICK, 0)
    fitted = loop.fit(model, table, TRAIN, np.zeros(0, dtype=np.int64), replace(QUICK, patience=1), seed=0)
    assert (len(fitted.history), fitted.best_epoch) == (3, 3)
    assert math.isnan(fitted.score)


def test_the_loss_is_that_of_the_model():
    """One batch of everything, learning rate near 0: the reported training loss is the cross-entropy of the
    first weights.
    """
    table = make_table()
    config = TrainingConfig(
        epochs=1, batch_size=60, learning_rate=1e-12, class_weights="balanced", label_smoothing=0.1
    )
    y = np.where(np.arange(90) % 4 == 0, 0, table.y)
    table = replace(table, y=y)
    model, fitted = trained(table, config, dropout=0.0, input_dropout=0.0)
    weight = loop.class_weights(y[TRAIN], 3, "balanced")
    reference = F.cross_entropy(
        model(table.batch(TRAIN)).logits.detach(),
        torch.from_numpy(y[TRAIN]),
        weight=weight,
        label_smoothing=0.1,
    )
    assert fitted.history[0]["train_loss"] == pytest.approx(float(reference), rel=1e-4)


def test_balanced_weights_count_every_class_alike():
    weight = loop.class_weights(np.array([0, 0, 0, 1]), 3, "balanced")
    assert weight.tolist() == pytest.approx([2 / 3, 2.0, 0.0])
    assert float(weight[0] * 3) == pytest.approx(float(weight[1] * 1))


def test_a_stalled_loss_lowers_the_learning_rate():
    config = replace(
        QUICK, epochs=6, learning_rate=0.5, plateau_factor=0.1, plateau_patience=0, clip_norm=1.0
    )
    rates = [row["learning_rate"] for row in trained(make_table(), config)[1].history]
    assert rates[0] == 0.5
    assert min(rates) < 0.5


def test_a_loss_that_runs_away_is_said():
    with pytest.raises(
        TrainingError, match=r"NaN or infinite in epoch \d+: lower --learning-rate \(now 1e\+30\)"
    ):
        trained(make_table(), replace(QUICK, learning_rate=1e30))


def test_utterances_without_the_models_modalities_do_not_train_it():
    table = make_table(absent=0.5)
    own = table.using([Modality.AUDIO])
    there = inputs.having(own, TRAIN, [Modality.AUDIO])
    assert len(there) < len(TRAIN)
    first, second = loop.build("unimodal", {}, own, QUICK, 0), loop.build("unimodal", {}, own, QUICK, 0)
    validation = inputs.having(own, VALIDATION, [Modality.AUDIO])
    assert loop.fit(first, own, TRAIN, VALIDATION, QUICK, seed=0) == loop.fit(
        second, own, there, validation, QUICK, seed=0
    )
    assert same_weights(first, second)


def test_augmented_views_are_drawn_in_training():
    table = make_table()
    view = make_table(seed=5)
    model = loop.build("early", {}, table, QUICK, 0)
    with_view = loop.fit(model, table, TRAIN, VALIDATION, QUICK, seed=0, views=[view])
    assert with_view.history != trained(table)[1].history


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_pooling_once_is_the_same_as_pooling_each_time(pooling):
    table = make_table(frames=6, absent=0.2)
    model = loop.build("early", {"pooling": pooling}, table, QUICK, 0)
    pooled = inputs.pooled_once(table, model, QUICK)
    assert pooled.vectors
    twin = loop.build("early", {"pooling": pooling}, pooled, QUICK, 0)
    assert loop.fit(model, table, TRAIN, VALIDATION, QUICK, seed=0) == loop.fit(
        twin, pooled, TRAIN, VALIDATION, QUICK, seed=0
    )
    assert torch.equal(model(table.batch(VALIDATION)).logits, twin(pooled.batch(VALIDATION)).logits)


def test_reading_batch_by_batch_is_the_same(monkeypatch):
    """What a corpus too large for memory gets."""
    table = make_table(frames=3, absent=0.2)
    model, fitted = trained(table)
    monkeypatch.setattr(inputs, "KEEP_BYTES", 0)
    twin, again = trained(table)
    assert fitted == again
    assert same_weights(model, twin)


def test_models_that_read_sequences_keep_them():
    table = make_table(frames=6)
    for name, options in (("mmmla", {}), ("early", {"pooling": "stats"})):
        model = loop.build(name, options, table, QUICK, 0)
        assert inputs.pooled_once(table, model, QUICK) is table


def test_answers_for_every_subset_are_those_of_switching_off():
    table = make_table(absent=0.3)
    model, _ = trained(table)
    subsets = [(Modality.TEXT,), (Modality.AUDIO, Modality.VISUAL)]
    answers = logits_of(model, InputSource(model, table, VALIDATION), torch.from_numpy(VALIDATION), subsets)
    for use, answer in zip(subsets, answers, strict=True):
        torch.testing.assert_close(answer, model(table.batch(VALIDATION).using(use)).logits.detach())


@pytest.mark.parametrize("name", fusion.names())
def test_every_registered_model_can_be_trained(name):
    dims = {Modality.AUDIO: DIMS[Modality.AUDIO]} if name == "unimodal" else DIMS
    table = make_table(dims=dims, frames=3, absent=0.1 if len(dims) > 1 else 0.0)
    for precision in ("float32", "bfloat16"):
        _, fitted = trained(table, replace(QUICK, epochs=1, precision=precision), name)
        assert math.isfinite(fitted.history[0]["train_loss"])
