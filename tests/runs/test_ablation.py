"""The worth of modalities: shares sum to the score, curves begin and end at the scores they stand for, every
clip is in one case.
"""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_folders import write_run

from mmer_core import metrics
from mmer_core.labels import Modality, subset_name, subsets
from mmer_core.runs.ablation import clip_shares, recall_shares, score_shares
from mmer_core.runs.robustness import MEANS, disagreement, robustness
from mmer_core.runs.run import CVRun, RunError
from mmer_core.runs.subset_predictions import NOTHING, SubsetPredictions, subset_predictions
from mmer_core.runs.writer import write_table

TWO = (Modality.AUDIO, Modality.VISUAL)
THREE = (Modality.TEXT, *TWO)
LABELS = ("neutral", "joy", "fear")
FEW = 50  # bootstrap samples


@st.composite
def predictions(draw, modalities=None, least=1):
    """Any predictions of any run, those of each subset independent of the others."""
    chosen = modalities or draw(st.sampled_from([TWO, THREE]))
    n = draw(st.integers(least, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    predicted = {frozenset(s): rng.integers(0, len(LABELS), n) for s in [(), *subsets(chosen)]}
    frequencies = rng.dirichlet(np.ones(len(LABELS)), n)
    return SubsetPredictions(
        LABELS,
        chosen,
        rng.integers(0, len(LABELS), n),
        rng.choice(["s1", "s2", "s3", "s4"], n),
        predicted,
        frequencies,
    )


def score(made, subset, metric):
    return metrics.scores(made.confusion(subset))[metric]


@settings(deadline=None)
@given(predictions(), st.sampled_from(metrics.SCORES))
def test_shares_of_a_score_sum_to_all_minus_none(made, metric):
    shares = score_shares(made, metric, resamples=FEW)
    assert shares.start == pytest.approx(score(made, NOTHING, metric))
    assert shares.total == pytest.approx(score(made, made.full, metric))
    assert shares.start + sum(shares.value.values()) == pytest.approx(shares.total, abs=1e-12)


@settings(deadline=None)
@given(predictions())
def test_shares_of_the_recalls_sum_in_every_class_and_average_to_the_share_of_ua(made):
    shares = recall_shares(made, resamples=FEW)
    occurs = np.bincount(made.truth, minlength=len(LABELS)) > 0
    assert (np.isnan(shares.start) == ~occurs).all()
    np.testing.assert_allclose(shares.start + sum(shares.value.values()), shares.total, atol=1e-12)
    np.testing.assert_allclose(shares.total, metrics.per_class(made.confusion(made.full))["recall"])
    assert np.nanmean(shares.total) == pytest.approx(score(made, made.full, "ua"))


def test_recalls_start_at_a_guess_by_class_frequency():
    truth = np.array([0, 0, 1, 2])
    frequencies = np.array([[0.5, 0.3, 0.2], [0.7, 0.2, 0.1], [0.6, 0.1, 0.3], [0.2, 0.2, 0.6]])
    said = dict.fromkeys([NOTHING, *(frozenset(s) for s in subsets(TWO))], truth)
    made = SubsetPredictions(LABELS, TWO, truth, np.array(["a", "a", "b", "b"]), said, frequencies)
    assert recall_shares(made, resamples=FEW).start == pytest.approx([0.6, 0.1, 0.6])


def test_when_all_classes_occur_the_recall_shares_average_to_those_of_ua():
    """Whole scores start at the majority class and recalls at the frequencies; for UA both are 1 / C."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], 20)
    said = {frozenset(s): rng.integers(0, 3, 60) for s in subsets(THREE)} | {NOTHING: np.zeros(60, dtype=int)}
    made = SubsetPredictions(
        LABELS, THREE, truth, np.tile(["a", "b", "c", "d"], 15), said, np.tile([0.5, 0.2, 0.3], (60, 1))
    )
    recalls, whole = recall_shares(made, resamples=FEW), score_shares(made, "ua", resamples=FEW)
    for modality in THREE:
        assert recalls.value[modality].mean() == pytest.approx(whole.value[modality])


def test_intervals_hold_the_share_and_need_more_than_one_group():
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 3, 300)
    said = {frozenset(s): np.where(rng.random(300) < 0.3 + 0.2 * len(s), truth, 0) for s in subsets(TWO)} | {
        NOTHING: np.zeros(300, dtype=int)
    }
    for groups, known in ((rng.choice(list("abcdefgh"), 300), True), (np.full(300, "only"), False)):
        shares = score_shares(SubsetPredictions(LABELS, TWO, truth, groups, said, np.full((300, 3), 1 / 3)))
        for modality in TWO:
            if known:
                assert shares.low[modality] < shares.value[modality] < shares.high[modality]
            else:
                assert np.isnan([shares.low[modality], shares.high[modality]]).all()


@settings(deadline=None)
@given(predictions(), st.sampled_from(MEANS))
def test_robustness_begins_at_the_score_and_ends_without_the_modality(made, metric):
    result = robustness(made, np.array([0.0, 0.25, 1.0]), metric)
    for curve in (result.random, result.worst, result.independent, *result.without.values()):
        assert curve[0] == pytest.approx(score(made, made.full, metric)), "nothing missing"
    for modality, curve in result.without.items():
        end = score(made, made.full - {modality}, metric)
        assert curve[-1] == pytest.approx(end)
        assert curve[1] == pytest.approx(0.75 * curve[0] + 0.25 * end), "a share of the clips, in expectation"
    assert result.random[-1] == pytest.approx(np.mean([c[-1] for c in result.without.values()]))
    assert result.worst[-1] <= min(c[-1] for c in result.without.values()) + 1e-12
    assert result.independent[-1] == pytest.approx(score(made, NOTHING, metric)), (
        "with none left, the prior answers"
    )


@settings(deadline=None, max_examples=20)
@given(predictions(modalities=TWO, least=5), st.floats(0, 1))
def test_independently_missing_is_the_expectation_over_every_combination(made, q):
    both, voice, face = made.full, frozenset({Modality.AUDIO}), frozenset({Modality.VISUAL})
    weights = {both: (1 - q) ** 2, voice: q * (1 - q), face: q * (1 - q), NOTHING: q**2}
    expected = sum(w * score(made, s, "accuracy") for s, w in weights.items())
    assert robustness(made, np.array([q])).independent[0] == pytest.approx(expected)


def test_robustness_of_a_score_that_is_no_mean_is_refused():
    rng = np.random.default_rng(0)
    said = {frozenset(s): rng.integers(0, 3, 5) for s in [(), *subsets(TWO)]}
    with pytest.raises(ValueError, match="'weighted_f1' has no exact value: choose one of accuracy, ua"):
        robustness(
            SubsetPredictions(
                LABELS, TWO, rng.integers(0, 3, 5), np.full(5, "a"), said, np.full((5, 3), 1 / 3)
            ),
            np.zeros(1),
            "weighted_f1",
        )


@given(predictions())
def test_every_clip_is_in_one_case_and_the_cases_say_who_is_right(made):
    first, second = made.modalities[:2]
    cases = {c.kind: c for c in disagreement(made, first, second)}
    assert sum(c.n for c in cases.values()) == len(made.truth)
    assert sum(c.share for c in cases.values()) == pytest.approx(1)
    n = len(made.truth)
    for modality, only in ((first, "only first right"), (second, "only second right")):
        right = made.right(frozenset({modality})).sum()
        assert cases["both right"].n + cases[only].n == right
    fused = sum(c.n * c.fused_right for c in cases.values() if c.n)
    assert fused / n == pytest.approx(score(made, made.full, "accuracy"))
    assert all(np.isnan(c.fused_right) for c in cases.values() if not c.n)


def test_the_same_error_is_told_from_different_ones():
    said = {
        frozenset({Modality.AUDIO}): [1, 1, 2],
        frozenset({Modality.VISUAL}): [1, 2, 2],
        frozenset(TWO): [0, 1, 2],
        NOTHING: [0, 0, 0],
    }
    made = SubsetPredictions(
        LABELS,
        TWO,
        np.array([0, 0, 2]),
        np.array(list("abc")),
        {s: np.array(p) for s, p in said.items()},
        np.full((3, 3), 1 / 3),
    )
    cases = {c.kind: (c.n, c.fused_right) for c in disagreement(made, *TWO)}
    assert cases["same error"] == (1, 1.0)
    assert cases["different errors"] == (1, 0.0)
    assert cases["both right"] == (1, 1.0)


@given(st.integers(0, 2**32 - 1))
def test_shares_of_a_clip_sum_to_the_answer_minus_the_prior_for_every_emotion(seed):
    rng = np.random.default_rng(seed)
    probabilities = {frozenset(s): rng.dirichlet(np.ones(7)) for s in [(), *subsets(THREE)]}
    shares = clip_shares(probabilities)
    assert tuple(shares) == THREE
    np.testing.assert_allclose(
        sum(shares.values()), probabilities[frozenset(THREE)] - probabilities[NOTHING], atol=1e-12
    )
    assert sum(shares.values()).sum() == pytest.approx(0, abs=1e-12), "what one emotion gains the others lose"


def test_a_clip_with_nothing_in_it_has_no_shares():
    assert clip_shares({NOTHING: np.full(7, 1 / 7)}) == {}


@pytest.mark.parametrize("modalities", [TWO, THREE])
def test_the_answers_of_a_run_give_the_scores_in_its_record(tmp_path, modalities):
    run = write_run(tmp_path / "run", modalities=modalities)
    made = subset_predictions(run)
    assert set(made.predicted) == {NOTHING, *(frozenset(s) for s in subsets(modalities))}
    for s in subsets(modalities):
        assert (made.confusion(frozenset(s)) == run.confusion(subset_name(s))).all()
    for metric in metrics.SCORES:
        assert score(made, NOTHING, metric) == pytest.approx(
            run.record["baselines"]["majority"][metric], abs=1e-6
        )
        assert score_shares(made, metric).total == pytest.approx(run.metrics[run.full][metric][0], abs=1e-6)


def test_nothing_is_the_training_parts_most_frequent_class(tmp_path):
    truth = np.random.default_rng(3).choice(4, 120, p=[0.5, 0.3, 0.1, 0.1])
    run = write_run(tmp_path / "run", truth=truth)
    made = subset_predictions(run)
    table = run.predictions().sort_values(["fold", "id"])
    for fold in table["fold"].unique():
        trained_on = np.bincount(table["y_true"][table["fold"] != fold], minlength=4)
        rows = (table["fold"] == fold).to_numpy()
        np.testing.assert_allclose(
            made.frequencies[rows], np.tile(trained_on / trained_on.sum(), (rows.sum(), 1))
        )
        assert (made.predicted[NOTHING][rows] == trained_on.argmax()).all()


def test_a_training_part_that_was_never_predicted_counts_as_the_corpus(tmp_path):
    """As with an official split, where only the test part is predicted."""
    run = write_run(tmp_path / "run", truth=np.random.default_rng(3).choice(4, 120, p=[0.5, 0.3, 0.1, 0.1]))
    rewrite(run, lambda t: t[t["fold"] == 0])
    counts = np.array(list(run.record["corpus"]["classes"].values()))
    folds = pd.read_parquet(run.path / "folds.parquet")
    write_table(run.path / "folds.parquet", folds[folds["fold"] == 0])
    made = subset_predictions(CVRun(run.path, run.record))
    np.testing.assert_allclose(made.frequencies, np.tile(counts / counts.sum(), (len(made.truth), 1)))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda t: t[~((t["subset"] == "audio") & (t["id"] == "u003"))],
            "has other clips for 'audio' than for 'audio\\+visual'",
        ),
        (
            lambda t: t.assign(y_true=t["y_true"].where(t["subset"] != "visual", 0)),
            "has other clips for 'visual'",
        ),
        (
            lambda t: t.assign(p_anger=t["p_anger"].where(t["subset"] != "visual")),
            "probabilities that are not numbers",
        ),
    ],
    ids=["a row is missing", "another truth", "NaN"],
)
def test_tables_that_do_not_fit_together_are_refused(tmp_path, damage, message):
    run = write_run(tmp_path / "run")
    rewrite(run, damage)
    with pytest.raises(RunError, match=message):
        subset_predictions(run)


def test_clips_without_a_group_are_refused(tmp_path):
    run = write_run(tmp_path / "run")
    table = pd.read_parquet(run.path / "folds.parquet")
    write_table(run.path / "folds.parquet", table[table["id"] != "u005"])
    with pytest.raises(RunError, match="has no group for the clip 'u005'"):
        subset_predictions(run)


def rewrite(run, change):
    """Change the predictions of a run behind its back."""
    path = run.path / "predictions.parquet"
    write_table(path, change(pd.read_parquet(path)), by="subset")
