"""The threshold of an unsure answer, and what it does."""

import numpy as np
import pytest

from mmer_core.uncertainty.selective_prediction import answered, risk_curve, threshold_at


def calibrated(n=20_000, seed=0):
    """Probabilities of two classes that mean what they say, and the truth drawn from them."""
    rng = np.random.default_rng(seed)
    first = rng.random(n)
    return np.stack([first, 1 - first], axis=1), (rng.random(n) > first).astype(int)


@pytest.mark.parametrize("coverage", [0.2, 0.5, 0.8, 1.0])
def test_the_stated_share_is_answered(coverage):
    probabilities, truth = calibrated()
    threshold = threshold_at(probabilities, coverage)
    assert answered(probabilities, truth, threshold)["coverage"] == pytest.approx(coverage, abs=0.001)
    again, truth = calibrated(seed=1)
    assert answered(again, truth, threshold)["coverage"] == pytest.approx(coverage, abs=0.02)


def test_the_answered_are_wrong_less_often():
    probabilities, truth = calibrated()
    found = answered(probabilities, truth, 0.8)
    assert found["risk"] == pytest.approx(0.1, abs=0.01)  # the mean of 1 - p from 0.8 to 1
    assert found["risk_of_all"] == pytest.approx(0.25, abs=0.01)
    assert answered(probabilities, truth, 1.1) == {
        "coverage": 0.0,
        "risk": 0.0,
        "risk_of_all": found["risk_of_all"],
    }


@pytest.mark.parametrize("coverage", [0.0, -1.0, 1.2])
def test_a_coverage_that_is_no_share_is_refused(coverage):
    with pytest.raises(ValueError, match="not a share"):
        threshold_at(np.full((3, 2), 0.5), coverage)


def test_the_curve_ends_with_everything_answered():
    probabilities, truth = calibrated(1000)
    curve = risk_curve(probabilities, truth)
    assert [c for c, _ in curve] == pytest.approx(np.linspace(0.05, 1, 20))
    assert curve[-1][1] == pytest.approx(answered(probabilities, truth, 0.0)["risk_of_all"], abs=1e-4)
