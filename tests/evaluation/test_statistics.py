import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mmer_core import metrics
from mmer_core.evaluation import statistics


def predictions(n=400, speakers=20, right=0.7, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 4, n)
    predicted = np.where(rng.random(n) < right, truth, rng.integers(0, 4, n))
    return truth, predicted, np.array([f"s{i}" for i in rng.integers(0, speakers, n)])


def test_an_interval_holds_its_figure_and_repeats_with_its_seed():
    truth, predicted, groups = predictions()
    first, again, other = (statistics.intervals(truth, predicted, groups, 4, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    for name, interval in first.items():
        assert interval.low < interval.value < interval.high
        assert interval.value == pytest.approx(
            metrics.scores(metrics.confusion_matrix(truth, predicted, 4))[name]
        )


def test_the_interval_of_accuracy_is_that_of_resampled_speakers():
    """Against the plain bootstrap, speaker by speaker."""
    truth, predicted, groups = predictions(speakers=8)
    ours = statistics.intervals(truth, predicted, groups, 4, resamples=4000)["accuracy"]
    rng = np.random.default_rng(5)
    names = np.unique(groups)
    right = {g: (truth == predicted)[groups == g] for g in names}
    samples = [np.concatenate([right[g] for g in rng.choice(names, len(names))]).mean() for _ in range(4000)]
    assert (ours.low, ours.high) == pytest.approx(tuple(np.quantile(samples, [0.025, 0.975])), abs=0.006)


def test_alike_speakers_widen_the_interval():
    """400 utterances of 4 speakers who are all right or all wrong say less than 400 of 100 speakers."""
    truth = np.zeros(400, dtype=int)
    predicted = np.repeat([0, 1, 0, 0], 100)
    few = statistics.intervals(truth, predicted, np.repeat(["a", "b", "c", "d"], 100), 2)["accuracy"]
    many = statistics.intervals(truth, predicted, np.tile(np.arange(100).astype(str), 4), 2)["accuracy"]
    assert few.high - few.low > 0.4
    assert many.high - many.low < 0.01


def test_one_speaker_has_no_interval():
    interval = statistics.intervals(np.array([0, 1]), np.array([0, 1]), np.array(["a", "a"]), 2)["accuracy"]
    assert interval.value == 1.0
    assert np.isnan([interval.low, interval.high]).all()
    assert statistics.to_json({"accuracy": interval}) == {"accuracy": [1.0, None, None]}


def test_a_mean_has_the_interval_of_resampled_speakers():
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(30), 10)
    values = random.normal(size=30)[groups] + random.normal(size=300)
    ours = statistics.mean_interval(values, groups)
    by_speaker = values.reshape(30, 10).mean(axis=1)
    assert ours.value == pytest.approx(values.mean())
    assert (ours.high - ours.low) / 2 == pytest.approx(1.96 * by_speaker.std() / 30**0.5, rel=0.1)
    assert np.isnan(statistics.mean_interval(values, np.zeros(300)).low)


def test_mcnemar_known_values():
    assert statistics.mcnemar(0, 0) == 1.0
    assert statistics.mcnemar(5, 15) == pytest.approx(stats.binomtest(5, 20).pvalue)
    assert statistics.mcnemar(59, 6) == pytest.approx(stats.chi2.sf((abs(59 - 6) - 1) ** 2 / 65, 1))
    assert statistics.mcnemar(121, 59) == pytest.approx(5.45e-6, rel=0.01)  # (|121 - 59| - 1)^2 / 180 = 20.67


def test_a_better_run_is_seen_and_the_same_run_is_not():
    truth, predicted, groups = predictions(right=0.5)
    better = np.where(np.random.default_rng(9).random(len(truth)) < 0.5, truth, predicted)
    test = statistics.paired(truth, predicted, better, groups, 4)
    assert test.second - test.first == pytest.approx(test.difference.value)
    assert test.difference.low > 0
    assert test.p_bootstrap < 0.01
    assert test.p_mcnemar < 1e-6
    same = statistics.paired(truth, predicted, predicted, groups, 4)
    assert (same.difference.value, same.p_bootstrap, same.p_mcnemar, same.only_first) == (0.0, 1.0, 1.0, 0)


def test_swapping_the_runs_turns_the_difference_round():
    truth, first, groups = predictions(seed=1)
    second = predictions(seed=1, right=0.6)[1]
    one, other = (
        statistics.paired(truth, first, second, groups, 4, metric="ua"),
        statistics.paired(truth, second, first, groups, 4, metric="ua"),
    )
    assert one.difference.value == pytest.approx(-other.difference.value)
    assert one.difference.low == pytest.approx(-other.difference.high)
    assert one.p_bootstrap == pytest.approx(other.p_bootstrap)


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="unknown metric 'luck': choose one of accuracy"):
        statistics.paired(np.array([0]), np.array([0]), np.array([0]), np.array(["a"]), 2, metric="luck")


def test_holm_known_values():
    # Holm (1979): sorted .01, .02, .03, .04 are multiplied by 4, 3, 2, 1 and never fall.
    assert statistics.holm([0.01, 0.04, 0.03, 0.02]) == pytest.approx([0.04, 0.06, 0.06, 0.06])
    assert statistics.holm([0.5, float("nan"), 0.4])[0::2] == pytest.approx([0.8, 0.8])
    assert np.isnan(statistics.holm([0.5, float("nan")])[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    adjusted = statistics.holm(p_values)
    assert all(b >= a - 1e-12 for a, b in zip(p_values, adjusted, strict=True))
    assert all(value <= 1 for value in adjusted)
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= -1e-12)
