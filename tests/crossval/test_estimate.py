"""The estimate of a training's time grows with the work; how fast the machine is, is measured."""

import pytest

from mmer_core import encoders
from mmer_core.crossval import estimate
from mmer_core.crossval.experiment import Experiment
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
