import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from mmer_core import metrics

labelled = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)


@given(labelled)
def test_scores_equal_scikit_learn(pairs):
    truth, predicted = map(np.array, zip(*pairs, strict=True))
    ours = metrics.scores(metrics.confusion_matrix(truth, predicted, 4))
    assert ours["n"] == len(pairs)
    assert ours["accuracy"] == pytest.approx(reference.accuracy_score(truth, predicted))
    assert ours["accuracy"] == pytest.approx(reference.f1_score(truth, predicted, average="micro"))
    assert ours["ua"] == pytest.approx(
        reference.recall_score(truth, predicted, average="macro", labels=np.unique(truth), zero_division=0)
    )
    assert ours["macro_f1"] == pytest.approx(
        reference.f1_score(truth, predicted, average="macro", zero_division=0)
    )
    assert ours["weighted_f1"] == pytest.approx(
        reference.f1_score(truth, predicted, average="weighted", zero_division=0)
    )


def test_rows_are_the_truth():
    matrix = metrics.confusion_matrix(np.array([0, 0, 1]), np.array([1, 1, 1]), 2)
    assert matrix.tolist() == [[0, 2], [0, 1]]


def test_nothing_to_score_is_not_a_number():
    empty = metrics.scores(np.zeros((3, 3), dtype=int))
    assert empty["n"] == 0
    assert all(math.isnan(empty[k]) for k in ("accuracy", "ua", "macro_f1", "weighted_f1"))


def test_calibration_error_of_known_cases():
    sure_and_right = np.array([[1.0, 0.0]] * 4)
    assert metrics.expected_calibration_error(sure_and_right, np.zeros(4, dtype=int)) == pytest.approx(0.0)
    assert metrics.expected_calibration_error(sure_and_right, np.ones(4, dtype=int)) == pytest.approx(1.0)
    three_quarters = np.array([[0.75, 0.25]] * 4)
    assert metrics.expected_calibration_error(three_quarters, np.array([0, 0, 0, 1])) == pytest.approx(0.0)
    assert metrics.expected_calibration_error(three_quarters, np.array([0, 0, 1, 1])) == pytest.approx(0.25)


def test_reliability_counts_every_item_once():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(5), size=200)
    table = metrics.reliability(probabilities, rng.integers(0, 5, 200), bins=10)
    assert table["count"].sum() == 200
