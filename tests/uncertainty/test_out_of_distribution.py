"""Detectors tell inputs that are unlike the training data from those that are like it."""

from dataclasses import replace

import numpy as np
import pytest

from mmer_core.labels import Modality
from mmer_core.uncertainty import out_of_distribution
from mmer_core.uncertainty.out_of_distribution import (
    HELD_OUT_WITHIN,
    USUAL,
    MahalanobisDetector,
    distance_temperature,
)


def correlated(n, seed, dim=12):
    """Vectors whose directions differ a hundredfold in spread."""
    mixing = np.random.default_rng(99).normal(size=(dim, dim)) * np.logspace(-1, 1, dim)
    return (np.random.default_rng(seed).normal(size=(n, dim)) @ mixing + 5).astype(np.float32)


@pytest.fixture(scope="module")
def detector():
    return MahalanobisDetector.fit(correlated(800, 0), correlated(400, 1))


def beyond(detector, vectors):
    return np.mean([detector.score(x[None]) > 1 for x in vectors])


def test_training_inputs_lie_at_a_distance_of_about_one(detector):
    assert np.mean([detector.distance(x[None]) for x in correlated(300, 0)]) == pytest.approx(1, abs=0.1)


def test_few_inputs_of_the_same_kind_lie_beyond_the_limit(detector):
    assert beyond(detector, correlated(1000, 2)) == pytest.approx(1 - HELD_OUT_WITHIN, abs=0.02)


def test_another_kind_lies_beyond_it_though_no_single_feature_is_extreme(detector):
    like = correlated(1000, 3)
    unlike = np.stack(
        [np.random.default_rng(i).permutation(column) for i, column in enumerate(like.T)], axis=1
    )  # correlations broken
    assert beyond(detector, unlike) > 0.8
    assert unlike.max() <= like.max()


def test_a_clip_is_judged_by_its_mean_over_time(detector):
    frames = correlated(5, 4)
    assert detector.distance(frames) == pytest.approx(detector.distance(frames.mean(axis=0, keepdims=True)))


def test_the_temperature_rises_beyond_the_usual_distance_and_only_there(detector):
    near, far = correlated(1, 0), correlated(1, 2) + 100
    sloped = replace(detector, temperature_slope=0.5)
    assert detector.distance_temperature(far) == 1, "no slope is known"
    assert sloped.distance_temperature(far) == pytest.approx(1 + 0.5 * (detector.distance(far) - USUAL))
    inside = near if detector.distance(near) < USUAL else detector.mean[None]
    assert sloped.distance_temperature(inside) == 1
    assert distance_temperature(np.array([0.2, 1.0, 1.5, 3.0]), 2.0).tolist() == [1, 1, 2, 5]


def test_it_is_the_same_after_it_was_saved(detector, tmp_path):
    assert out_of_distribution.load(tmp_path) == {}
    name = out_of_distribution.save(
        tmp_path, {Modality.AUDIO: replace(detector, temperature_slope=0.25), Modality.TEXT: detector}
    )
    assert (tmp_path / name).is_file()
    again = out_of_distribution.load(tmp_path)
    assert list(again) == [Modality.AUDIO, Modality.TEXT]
    assert (again[Modality.AUDIO].temperature_slope, again[Modality.TEXT].temperature_slope) == (0.25, 0)
    for x in correlated(20, 5):
        assert again[Modality.TEXT].score(x[None]) == pytest.approx(detector.score(x[None]), rel=0.01)
