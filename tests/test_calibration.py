import numpy as np
import pytest

from mmer_core.calibration import calibrate, fit_prior_share, fit_temperature, leaning_less, log_softmax, negative_log_likelihood, risk_coverage
from mmer_core.metrics import expected_calibration_error


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


def test_rare_classes_are_found_again_when_the_answer_leans_less_on_the_prior():
    rng = np.random.default_rng(0)
    prior = np.array([0.8, 0.15, 0.05])
    truth = rng.choice(3, 6000, p=prior)
    evidence = rng.normal(size=(6000, 3)) + 1.2 * np.eye(3)[truth]
    logits = 1.2 * evidence + np.log(prior)  # the exact posterior of what was drawn
    share = fit_prior_share(logits, truth, prior)
    assert 0 < share < 1
    recall = [((leaning_less(logits, 1.0, prior, s).argmax(1) == 2) & (truth == 2)).sum() for s in (1.0, share)]
    assert recall[1] > recall[0]
    assert leaning_less(logits, 1.0, prior, 1.0) == pytest.approx(logits)
    balanced = fit_prior_share(logits, truth, prior, balanced=True)
    assert balanced < share  # what counts every emotion alike leans on their frequencies less
    assert fit_prior_share(logits, truth, np.full(3, 1 / 3)) == 1.0  # nothing to take back: nothing is changed
