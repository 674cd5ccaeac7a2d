import numpy as np
import pytest

from mmer_core.metrics import expected_calibration_error
from mmer_core.uncertainty.calibration import (
    answering_under,
    calibrate,
    fit_temperature,
    halfway_to_equal,
    log_softmax,
    negative_log_likelihood,
    risk_coverage,
)


def overconfident(temperature, n=4000, seed=0):
    """Logits whose true temperature is known: labels are drawn at logits / temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 5)) * 3
    p = np.exp(log_softmax(logits / temperature))
    return logits, np.array([rng.choice(5, p=row) for row in p])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_true_temperature_is_found(temperature):
    logits, truth = overconfident(temperature)
    assert fit_temperature(logits, truth) == pytest.approx(temperature, rel=0.1)


def test_scaling_lowers_the_calibration_error_and_changes_no_decision():
    logits, truth = overconfident(3.0)
    before = np.exp(log_softmax(logits))
    after = calibrate(before, fit_temperature(logits, truth))
    assert expected_calibration_error(before, truth) > 0.15
    assert expected_calibration_error(after, truth) < 0.03
    assert (after.argmax(1) == before.argmax(1)).all()
    np.testing.assert_allclose(after.sum(1), 1)
    assert negative_log_likelihood(np.log(after), truth) < negative_log_likelihood(logits, truth)


def test_each_row_can_have_its_own_temperature():
    p = np.array([[0.8, 0.2], [0.8, 0.2]])
    scaled = calibrate(p, np.array([1.0, 2.0]))
    np.testing.assert_allclose(scaled[0], p[0])
    np.testing.assert_allclose(scaled[1], [2 / 3, 1 / 3])


def test_without_anything_to_fit_on_the_temperature_is_one():
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, dtype=int)) == 1.0


def test_risk_falls_as_the_unsure_are_left_out():
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.45, 0.55]])
    coverage, risk = risk_coverage(p, np.array([0, 1, 1, 0]))
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk.tolist() == pytest.approx([0, 0, 1 / 3, 0.5])


PRIOR = np.array([0.8, 0.15, 0.05])


def drawn(count):
    """Logits (count, 3) of the exact posterior of drawn classes, and the classes."""
    rng = np.random.default_rng(0)
    truth = rng.choice(3, count, p=PRIOR)
    scores = rng.normal(size=(count, 3)) + 1.2 * np.eye(3)[truth]
    return 1.2 * scores + np.log(PRIOR), truth


def test_rare_classes_are_found_again_under_more_even_frequencies():
    logits, truth = drawn(6000)
    recall = [
        ((answering_under(logits, 1.0, PRIOR, answered).argmax(1) == 2) & (truth == 2)).sum()
        for answered in (PRIOR, halfway_to_equal(PRIOR))
    ]
    assert recall[1] > recall[0]
    assert halfway_to_equal(np.full(3, 1 / 3)) == pytest.approx(1 / 3)


def test_answers_under_the_same_frequencies_are_only_calibrated():
    logits, _ = drawn(10)
    assert answering_under(logits, 2.0, PRIOR, PRIOR) == pytest.approx(logits / 2)


def test_no_other_frequencies_give_a_better_mean_of_accuracy_and_ua_than_those_halfway_to_equal():
    logits, truth = drawn(40_000)

    def score(answered):
        predicted = answering_under(logits, 1.0, PRIOR, answered).argmax(1)
        recalls = [(predicted[truth == c] == c).mean() for c in range(3)]
        return ((predicted == truth).mean() + np.mean(recalls)) / 2

    best = score(halfway_to_equal(PRIOR))
    for other in (
        PRIOR,
        np.full(3, 1 / 3),
        0.8 * PRIOR + 0.2 / 3,
        0.2 * PRIOR + 0.8 / 3,
        np.array([0.2, 0.3, 0.5]),
    ):
        assert best > score(other)
