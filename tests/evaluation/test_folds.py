"""Folds: no group on two sides, the same folds from the same seed, and a sentence where it cannot be."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mmer_core.evaluation.folds import FoldError, FoldPlan, fold_of_each, make_folds


def corpus(n=120, speakers=12, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    groups = np.array([f"s{g}" for g in rng.integers(0, speakers, n)])
    return {"y": np.arange(n) % classes, "groups": groups, "ids": np.array([f"u{i}" for i in range(n)])}


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(2, 5),
    st.integers(6, 20),
    st.sampled_from(["group", "leave-one-out"]),
    st.integers(1, 2),
)
def test_no_group_is_ever_on_two_sides(seed, folds, speakers, kind, repeat):
    data = corpus(speakers=speakers, seed=seed)
    plan = FoldPlan(kind=kind, folds=folds, seed=seed, repeat=repeat)
    try:
        result = make_folds(plan, **data)
    except FoldError:
        assume(False)  # a draw may put all speakers of a class into one fold: that is refused, not leaked
    for fold in result:
        sides = [set(data["groups"][rows]) for rows in (fold.train, fold.validation, fold.test)]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        assert sorted(np.concatenate([fold.train, fold.validation, fold.test])) == list(range(120))
    rounds = repeat if kind == "group" else 1
    assert np.bincount(np.concatenate([fold.test for fold in result])).tolist() == [rounds] * 120


def test_the_same_seed_gives_the_same_folds_and_another_other_ones():
    data = corpus()
    first, again, other = (make_folds(FoldPlan(seed=seed), **data) for seed in (1, 1, 2))
    assert all(
        np.array_equal(a.test, b.test) and np.array_equal(a.validation, b.validation)
        for a, b in zip(first, again, strict=True)
    )
    assert any(not np.array_equal(a.test, b.test) for a, b in zip(first, other, strict=True))


def test_leave_one_out_tests_one_group_in_each_fold():
    data = corpus(speakers=6)
    assert [
        set(data["groups"][fold.test]) for fold in make_folds(FoldPlan(kind="leave-one-out"), **data)
    ] == [{f"s{i}"} for i in range(6)]


def test_random_folds_must_be_asked_for_and_say_that_they_leak():
    assert not FoldPlan().leaks
    plan = FoldPlan(kind="random")
    assert plan.leaks
    data = corpus()
    fold = make_folds(plan, **data)[0]
    assert set(data["groups"][fold.train]) & set(data["groups"][fold.test])


def test_the_official_split_selects_on_dev_and_tests_on_test():
    data = corpus()
    split = np.array(["train"] * 60 + ["dev"] * 30 + ["test"] * 30)
    (fold,) = make_folds(FoldPlan(kind="official"), **data, split=split)
    assert (fold.train.tolist(), fold.validation.tolist(), fold.test.tolist()) == (
        list(range(60)),
        list(range(60, 90)),
        list(range(90, 120)),
    )
    assert fold_of_each(FoldPlan(kind="official"), [fold], data["ids"], split)["u70"] == "dev"


def test_without_an_official_test_part_dev_is_tested_and_validation_is_split_off_train():
    data = corpus()
    split = np.array(["train"] * 80 + ["dev"] * 40)
    (fold,) = make_folds(FoldPlan(kind="official"), **data, split=split)
    assert fold.test.tolist() == list(range(80, 120))
    assert len(fold.validation)
    assert set(fold.validation) < set(range(80))
    assert not set(data["groups"][fold.validation]) & set(data["groups"][fold.train])


def test_given_folds_are_taken_as_they_are():
    data = corpus(speakers=6)
    number = {f"s{i}": i % 3 for i in range(6)}
    given_folds = {i: number[g] for i, g in zip(data["ids"], data["groups"], strict=True)}
    folds = make_folds(FoldPlan(kind="given"), **data, given=given_folds)
    assert [{number[g] for g in data["groups"][fold.test]} for fold in folds] == [{0}, {1}, {2}]
    assert fold_of_each(FoldPlan(kind="given"), folds, data["ids"], None) == {
        i: str(f) for i, f in given_folds.items()
    }


@pytest.mark.parametrize(
    ("plan", "change", "message"),
    [
        (
            {},
            {"groups": np.full(120, "anna")},
            r"one speaker only \(anna\): folds that keep speakers apart need two",
        ),
        ({"folds": 13}, {}, "13 folds need as many speakers and there are 12: use --folds 12"),
        ({}, {"y": np.r_[np.full(119, 0), 1]}, "the training part of fold . has no utterance of class anger"),
        (
            {"kind": "given"},
            {"given": {f"u{i}": i % 3 for i in range(120)}},
            "fold 0 of the folds file has the speaker .* in training and in test",
        ),
        (
            {"kind": "given"},
            {"given": {f"u{i}": 0 for i in range(119)}},
            r"nothing about 1 of 120 utterances \(first: u119\)",
        ),
        ({"kind": "given"}, {"given": {f"u{i}": 0 for i in range(120)}}, "every utterance into one fold"),
        ({"kind": "official"}, {}, "no official split"),
        (
            {"kind": "random"},
            {"y": np.r_[np.full(117, 0), 1, 1, 1]},
            "^Anger has only 3 clips; 5 folds need 5: use --folds 3, add clips of it, or leave",
        ),
        (
            {"kind": "random"},
            {"y": np.r_[np.full(119, 0), 1]},
            "^Anger has only 1 clip; 5 folds need 5: add clips of it, or leave the class out$",
        ),
        (
            {"folds": 3},
            {"y": np.array([0, 0, 1, 1]), "groups": np.array(list("abcd"))},
            "^Neutral has only 2 clips; 3 folds need 3: use --folds 2",
        ),
        ({"folds": 2}, {"groups": np.array(["a", "b"] * 60)}, "fold 0 trains on one speaker only"),
    ],
)
def test_a_split_that_cannot_be_is_one_sentence(plan, change, message):
    with pytest.raises(FoldError, match=message) as error:
        make_folds(FoldPlan(**plan), **{**corpus(), **change}, labels=("neutral", "anger", "joy"))
    assert "\n" not in str(error.value)


def test_the_validation_part_leaves_every_class_in_training_when_it_can():
    """A class of three speakers only: the validation part must not take all that the fold leaves of it."""
    rng = np.random.default_rng(3)
    groups = np.array([f"s{i % 10}" for i in range(200)])
    y = np.where(np.isin(groups, ["s0", "s4", "s7"]) & (rng.random(200) < 0.5), 1, 0)
    for seed in range(10):
        for fold in make_folds(
            FoldPlan(folds=3, seed=seed, validation=0.3), y=y, groups=groups, ids=np.arange(200).astype(str)
        ):
            assert set(y[fold.train]) == {0, 1}


@pytest.mark.parametrize("kind", ["group", "random"])
def test_the_validation_part_is_cut_into_no_more_pieces_than_a_class_has_clips(kind):
    y, groups = np.arange(12) % 3, np.arange(12).astype(str)
    for fold in make_folds(FoldPlan(kind=kind, folds=2), y=y, groups=groups):
        assert set(y[fold.train]) == {0, 1, 2}
        assert len(fold.validation)


def test_random_folds_need_no_groups():
    data = corpus()
    folds = make_folds(FoldPlan(kind="random"), **data)
    del data["groups"]
    for known, unknown in zip(folds, make_folds(FoldPlan(kind="random"), **data), strict=True):
        for role, rows in known.roles.items():
            assert np.array_equal(rows, unknown.roles[role])


@pytest.mark.parametrize("kind", ["group", "leave-one-out", "official", "given"])
def test_other_folds_need_groups(kind):
    data = corpus()
    del data["groups"]
    with pytest.raises(FoldError, match=rf"the speakers are unknown, which {kind} folds keep apart: fill"):
        make_folds(FoldPlan(kind=kind), **data)


def test_plans_round_trip_through_json():
    plan = FoldPlan(kind="official", groups="dialogue", repeat=3, seed=7)
    assert FoldPlan.from_json(plan.to_json()) == plan
    with pytest.raises(FoldError, match="unknown kind of folds 'lucky'"):
        FoldPlan(kind="lucky")
