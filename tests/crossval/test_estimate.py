"""The estimate of a training's time grows with the work; how fast the machine is, is measured."""

import os
from dataclasses import replace

import pytest
from feature_tables import make_table
from studies import make_study

from mmer_core import encoders
from mmer_core.crossval import estimate
from mmer_core.crossval.experiment import Experiment, parts_of
from mmer_core.crossval.trainer import Trainer
from mmer_core.labels import Modality
from mmer_core.training.config import TrainingConfig

SHAPES = {Modality.TEXT: (1, 6), Modality.AUDIO: (3, 4)}


def experiment(fusion: str = "early", search=None, **settings) -> Experiment:
    return Experiment(
        fusion,
        tuple(SHAPES),
        training=TrainingConfig(**{"epochs": 10, "refit": False, **settings}),
        search=search or {},
    )


@pytest.fixture
def measured(monkeypatch):
    """Every network takes a second per epoch; returns what was measured."""
    seen = []

    def epoch_seconds(part, shapes, classes):
        seen.append(part)
        return 1.0

    monkeypatch.setattr(estimate, "epoch_seconds", epoch_seconds)
    return seen


def seconds(experiment: Experiment, n: int = estimate.MEASURED_ROWS, folds: int = 5) -> float:
    return estimate.training_seconds(experiment, SHAPES, 3, n, folds)


def test_it_grows_with_utterances_epochs_folds_and_candidates(measured):
    """One second per network and epoch: five folds of ten epochs and the final model."""
    assert seconds(experiment()) == 60
    assert seconds(experiment(), n=2 * estimate.MEASURED_ROWS) == 120
    assert seconds(experiment(), folds=10) == 110
    assert seconds(experiment(epochs=20)) == 120
    assert seconds(experiment(refit=True)) == 110
    assert seconds(experiment(search={"learning_rate": [1e-3, 1e-4]})) == 110
    assert seconds(experiment(search={"learning_rate": [1e-3, 1e-4]}, refit=True)) == 160


def test_a_late_model_is_the_sum_of_its_classifiers(measured):
    assert seconds(experiment("late_mean")) == 120
    assert [(part.fusion, part.modalities) for part in measured] == [
        ("unimodal", (Modality.TEXT,)),
        ("unimodal", (Modality.AUDIO,)),
    ]


def test_settings_that_cost_no_time_are_not_measured_again(measured):
    for settings in (
        {"learning_rate": 1e-2},
        {"epochs": 99, "patience": 3},
        {"label_smoothing": 0.1, "select_by": "loss"},
        {"batch_size": 8},
    ):
        seconds(experiment(**settings))
    assert len(set(measured)) == 2


@pytest.fixture
def machine(monkeypatch):
    """Eight cores and much memory."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(estimate, "_available_bytes", lambda: 2**40)


def processes(*experiments: Experiment, **study) -> int:
    whole = make_study(make_table(n=120), folds=3, side_by_side=True)
    parts = [
        part
        for experiment in experiments
        for candidate in experiment.candidates(whole.seed)
        for fold in whole.folds
        for part in parts_of(candidate, fold.number).values()
    ]
    left = Trainer(whole).left_to_the_loop(parts)
    return estimate.worthwhile_processes(replace(whole, **study), left)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([experiment("crossmodal", epochs=200)], 3),
        ([experiment("crossmodal", epochs=200), experiment("mmb", epochs=200)], 6),
        ([experiment("crossmodal", epochs=200, search={"batch_size": [8, 16, 32, 64]})], 8),
        ([experiment("early", epochs=200)], 1),  # all folds are trained together
        ([experiment("late_mean", epochs=200)], 1),
        ([experiment("crossmodal", epochs=1)], 1),  # a moment
        ([], 1),
    ],
)
def test_processes_are_worth_it_where_the_loop_has_long_to_train(measured, machine, wanted, found):
    assert processes(*wanted) == found


def test_what_is_done_soon_on_this_machine_is_worth_no_processes(monkeypatch, machine):
    monkeypatch.setattr(estimate, "epoch_seconds", lambda part, shapes, classes: 0.01)
    assert processes(experiment("crossmodal", epochs=500)) == 1


def test_an_accelerator_and_a_machine_short_of_memory_train_in_one_process(measured, machine, monkeypatch):
    long = experiment("crossmodal", epochs=200)
    assert processes(long, device="cuda") == 1
    monkeypatch.setattr(estimate, "_available_bytes", lambda: 2 * estimate.PROCESS_BYTES)
    assert processes(long) == 1
    monkeypatch.setattr(estimate, "_available_bytes", lambda: 3 * estimate.PROCESS_BYTES)
    assert processes(long) == 2


def test_the_memory_that_is_available_is_known():
    assert 2**26 < estimate._available_bytes() <= 2**40


@pytest.mark.parametrize("fusion", ["early", "late_mean", "crossmodal"])
def test_real_networks_are_measured(fusion):
    assert seconds(experiment(fusion, epochs=1)) > 0


def test_extraction_is_clips_times_encoders_and_unknown_where_never_measured():
    each = {name: encoders.ENCODERS.entry(name).seconds_per_clip for name in ("minilm", "voice_frames")}
    both = {Modality.TEXT: "minilm", Modality.AUDIO: "voice_frames:augment=1"}
    one = estimate.extraction_seconds(100, both, jobs=1)
    assert one == pytest.approx(100 * sum(each.values()))
    assert estimate.extraction_seconds(100, both, jobs=2) == pytest.approx(one / 2)
    assert estimate.extraction_seconds(100, {Modality.TEXT: "bert"}, jobs=1) is None
    assert estimate.extraction_seconds(100, {}, jobs=1) == 0
