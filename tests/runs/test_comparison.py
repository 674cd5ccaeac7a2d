from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mmer_core.runs.comparison import compare
from mmer_core.runs.run import RunError

LABELS = ("neutral", "joy")


def run(name, right, *, labels=LABELS, n=120, status="finished", ids=None, repeat=1, flip=False):
    """A finished run that predicts a share `right` of its utterances correctly."""
    rng = np.random.default_rng(4)
    order = rng.permutation(n)
    truth = np.arange(n) % 2
    predicted = np.where(order < right * n, truth, 1 - truth)
    ids = [f"u{i}" for i in range(n)] if ids is None else ids
    probabilities = {"p_neutral": 1.0 - predicted, "p_joy": predicted.astype(float)}
    table = pd.DataFrame({"id": ids, "fold": 0, "y_true": 1 - truth if flip else truth, **probabilities})
    return SimpleNamespace(
        name=name,
        path=name,
        labels=labels,
        record={"status": status},
        finished=status == "finished",
        groups={i: f"s{k % 10}" for k, i in enumerate(ids)},
        predictions=lambda subset: pd.concat([table] * repeat),
        probability_columns=["p_neutral", "p_joy"],
    )


def test_every_pair_is_compared_and_corrected_together():
    pairs = compare([run("a", 0.6), run("b", 0.7), run("c", 0.9)])
    assert [(p.first, p.second) for p in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [round(p.test.difference.value, 3) for p in pairs] == [0.1, 0.3, 0.2]
    assert all(p.p_mcnemar >= p.test.p_mcnemar for p in pairs)
    assert max(p.p_bootstrap for p in pairs) < 0.05


def test_repeats_are_averaged_first():
    (once,), (twice,) = (compare([run("a", 0.6, repeat=r), run("b", 0.8, repeat=1)]) for r in (1, 2))
    assert once == twice


def test_only_shared_utterances_count():
    (pair,) = compare([run("a", 0.6), run("b", 0.8, ids=[f"u{i + 60}" for i in range(120)])])
    assert pair.test.n == 60


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (run("b", 0.5, status="running"), "b is running: only finished runs"),
        (run("b", 0.5, labels=("neutral", "anger")), "b has the classes neutral, anger"),
        (run("b", 0.5, ids=[f"v{i}" for i in range(120)]), "share no utterance"),
        (run("b", 0.5, flip=True), "do not agree on the true class"),
    ],
)
def test_what_cannot_be_compared_is_said(other, message):
    with pytest.raises(RunError, match=message):
        compare([run("a", 0.6), other])


def test_the_result_is_plain_json_and_one_sentence():
    (pair,) = compare([run("a", 0.6), run("b", 0.6)])
    assert pair.to_json()["difference"][0] == 0
    assert pair.to_json()["first"] == "a"
    assert "no difference is shown" in pair.sentence()
