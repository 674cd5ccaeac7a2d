"""Scores on corpora that were left out, and how answers are calibrated on them."""

import numpy as np
import pandas as pd
import pytest

from mmer_core.labels import EMOTIONS
from recipes.left_out import scores
from recipes.words.corpora import Utterances
from recipes.words.strangers import Answering, Read, best_answering, mean_scores, write_read

EQUAL = np.full(7, 1 / 7)


def utterances(labels):
    ids = tuple(f"a/{i}" for i in range(len(labels)))
    return Utterances(ids, ids, np.asarray(labels, dtype=np.int64), ids)


def test_ua_is_over_the_emotions_of_the_corpus_and_all_seven_may_be_answered():
    logits = np.log(np.full((4, 7), 0.05) + 0.65 * np.eye(7)[[1, 1, 4, 0]])
    found = scores(logits, np.array([1, 1, 4, 4]))
    assert (found["ua"], found["accuracy"], found["n"]) == (0.75, 0.75, 4)
    assert found["recall"] == {"anger": 1.0, "joy": 0.5}
    assert found["answered"]["neutral"] == 0.25
    assert found["confidence"] == pytest.approx(0.7, abs=1e-4)
    assert found["ece"] == pytest.approx(0.05, abs=1e-3)


def test_answers_are_best_at_the_temperature_and_frequencies_that_the_corpora_have():
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, 3000)
    # log likelihoods of labels, under frequencies of which the first is great, and three times too sure
    likelihood = random.normal(0, 1, (3000, 7)) + 1.5 * np.eye(7)[labels]
    trained = np.array([0.4, *[0.1] * 6])
    logits = 2.0 * (1.5 * likelihood + np.log(trained) - np.log(trained).mean())
    read = {"a": Read(utterances(labels), logits)}
    found = best_answering(read, trained)
    assert found.temperature == pytest.approx(2.0, abs=0.15)
    assert found.step >= 0.75
    best, as_is = mean_scores(read, found, trained), mean_scores(read, Answering(1.0, 0.0), trained)
    assert best["cross_entropy"] < as_is["cross_entropy"]
    assert best["ece"] < 0.05 < as_is["ece"]


def test_frequencies_go_from_the_trained_ones_to_equal_ones():
    trained = np.array([0.4, *[0.1] * 6])
    assert np.allclose(Answering(1.0, 0.0).frequencies(trained), trained)
    assert np.allclose(Answering(1.0, 1.0).frequencies(trained), EQUAL)
    assert np.allclose(Answering(2.0, 0.0).answers(np.ones((1, 7)), trained), 0.5)


def test_the_table_tells_corpora_apart(tmp_path):
    logits = np.arange(14, dtype=float).reshape(2, 7)
    write_read(tmp_path / "a.parquet", {n: Read(utterances([0, 4]), logits) for n in ("x", "y")})
    table = pd.read_parquet(tmp_path / "a.parquet")
    assert list(table.columns) == ["id", "corpus", "label", "group", *(f"logit_{e}" for e in EMOTIONS)]
    assert table["corpus"].tolist() == ["x", "x", "y", "y"]
    assert table["label"].tolist() == ["neutral", "joy"] * 2
    assert np.allclose(table.iloc[2:, 4:].to_numpy(float), logits)
