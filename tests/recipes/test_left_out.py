"""Corpora that were left out of training: what can be measured, the temperature for strangers, scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import log_softmax
from recipes import left_out
from recipes.left_out import Answering, LeftOut, fit_temperature, scores, strangers, usable

C = len(EMOTIONS)
EVEN = np.full(C, 1 / C)
SKEWED = np.array([0.4, *[0.1] * 6])


def corpus(
    seed: int = 0,
    n: int = 700,
    *,
    sharpness: float = 1.0,
    classes: tuple[int, ...] = tuple(range(C)),
    groups: int = 20,
) -> LeftOut:
    """Exact posterior logits of equally frequent classes, times a sharpness, its temperature."""
    rng = np.random.default_rng(seed)
    labels = np.array(classes)[np.arange(n) % len(classes)]
    logits = 1.5 * (rng.normal(size=(n, C)) + 1.5 * np.eye(C)[labels]) * sharpness
    return LeftOut(logits.astype(np.float32), labels, np.array([f"s{i % groups}" for i in range(n)]))


def fields(part: LeftOut) -> tuple[np.ndarray, ...]:
    return part.logits, part.labels, part.groups


class TestWhatCanBeMeasured:
    def test_a_corpus_that_says_enough_is_whole_and_nothing_is_said(self):
        corpora = {"a": corpus(0), "b": corpus(1)}
        assert usable(corpora) == (corpora, {})

    def test_one_emotion_only(self):
        kept, reasons = usable({"a": corpus(), "b": corpus(), "angry": corpus(classes=(1,))})
        assert set(kept) == {"a", "b"}
        assert reasons == {"angry": "all of it: it has one emotion, anger, only"}

    def test_too_few_utterances(self):
        kept, reasons = usable({"a": corpus(), "small": corpus(n=10), "enough": corpus(n=20)})
        assert set(kept) == {"a", "enough"}
        assert reasons == {"small": "all of it: 10 utterances are too few, at least 20 are needed"}

    def test_an_emotion_that_no_other_corpus_has(self):
        kept, reasons = usable(
            {"a": corpus(n=700), "b": corpus(classes=(0, 1, 4)), "c": corpus(classes=(0, 1))}
        )
        assert set(kept["a"].labels) == {0, 1, 4}
        assert len(kept["a"]) == 300
        assert kept["a"].logits.shape == (300, C)
        assert reasons == {"a": "disgust, fear, sadness, surprise, as no other corpus has it"}

    def test_what_is_left_of_a_corpus_without_such_an_emotion_may_be_too_little(self):
        kept, reasons = usable(
            {"a": corpus(classes=(0, 2)), "b": corpus(classes=(0, 1)), "c": corpus(classes=(1, 4))}
        )
        assert set(kept) == {"b"}
        assert reasons["a"] == "all of it: it has one emotion, neutral, only"

    def test_a_corpus_alone_keeps_its_emotions(self):
        assert usable({"a": corpus()})[1] == {}

    def test_without_speakers_it_stays_and_that_is_said(self):
        kept, reasons = usable({"a": corpus(), "nobody": corpus(1, groups=1)})
        assert len(kept["nobody"]) == 700
        assert reasons == {"nobody": "nothing, but it tells no speakers apart: no interval can be given"}


class TestTheTemperature:
    def test_it_undoes_overconfidence(self):
        found = fit_temperature([corpus(n=20_000, sharpness=3)], EVEN, EVEN)
        assert found == pytest.approx(3, rel=0.05)

    def test_each_corpus_counts_alike_however_large(self):
        sure, right = corpus(0, sharpness=3), corpus(1)
        tenfold = sure.take(np.tile(np.arange(len(sure)), 10))
        found = fit_temperature([sure, right], EVEN, EVEN)
        assert fit_temperature([tenfold, right], EVEN, EVEN) == pytest.approx(found, rel=1e-3)
        assert 1.2 < found < 2.5

    def test_in_a_corpus_each_emotion_counts_alike_if_there_is_enough_of_it(self):
        easy, hard = corpus(0, classes=(4,)), corpus(1, 70, sharpness=4, classes=(0, 1))
        smiles = [
            LeftOut(*(np.concatenate([a, b]) for a, b in zip(*parts, strict=True)))
            for parts in (
                (fields(easy), fields(hard)),
                (fields(easy.take(np.tile(np.arange(700), 5))), fields(hard)),
            )
        ]
        found = [fit_temperature([part], EVEN, EVEN) for part in smiles]
        assert found[1] == pytest.approx(found[0], rel=1e-3)
        assert found[0] > 2 * fit_temperature([easy], EVEN, EVEN)

    def test_an_emotion_that_hardly_occurs_does_not_count(self):
        whole, rare = corpus(0, classes=(0, 1)), corpus(1, 19, sharpness=-9, classes=(4,))
        with_it = LeftOut(*(np.concatenate(pair) for pair in zip(fields(whole), fields(rare), strict=True)))
        expected = fit_temperature([whole], EVEN, EVEN)
        assert fit_temperature([with_it], EVEN, EVEN) == pytest.approx(expected, rel=1e-3)
        assert fit_temperature([rare], EVEN, EVEN) > 5, "unless there is nothing else"

    def test_it_is_fitted_to_the_answers_under_other_frequencies(self):
        exact = corpus(n=20_000)
        learned = LeftOut(
            (2 * (exact.logits + np.log(SKEWED))).astype(np.float32), exact.labels, exact.groups
        )
        # what a network says that was trained under SKEWED, twice too sure
        assert fit_temperature([learned], SKEWED, EVEN) == pytest.approx(2, rel=0.05)

    def test_nothing_to_fit_on_leaves_it_at_one(self):
        assert fit_temperature([], EVEN, EVEN) == 1.0


class TestScores:
    def test_ua_is_over_the_emotions_that_occur_though_all_may_be_answered(self):
        probabilities = np.full((4, C), 0.05) + 0.65 * np.eye(C)[[1, 1, 4, 0]]
        found = scores(np.log(probabilities), np.array([1, 1, 4, 4]))
        assert (found["n"], found["ua"], found["accuracy"]) == (4, 0.75, 0.75)
        assert found["recall"] == {"anger": 1.0, "joy": 0.5}
        assert found["answered"] == dict.fromkeys(EMOTIONS, 0.0) | {
            "neutral": 0.25,
            "anger": 0.5,
            "joy": 0.25,
        }
        assert found["confidence"] == pytest.approx(0.7)
        assert found["ece"] == pytest.approx(0.05, abs=1e-3)
        assert found["cross_entropy"] == pytest.approx(-(3 * np.log(0.7) + np.log(0.05)) / 4, abs=1e-4)

    def test_a_corpus_is_scored_at_the_temperature_of_the_others(self):
        corpora = {"sure": corpus(0, 3000, sharpness=4), "right": corpus(1, 3000)}
        found = strangers(corpora, EVEN, EVEN)
        assert found["sure"]["temperature"] == pytest.approx(1, rel=0.1)
        assert found["right"]["temperature"] == pytest.approx(4, rel=0.1)
        assert found["sure"]["confidence"] > found["sure"]["accuracy"] + 0.1
        assert found["right"]["confidence"] < found["right"]["accuracy"] - 0.1
        assert found["mean"]["ua"] == pytest.approx(
            (found["sure"]["ua"] + found["right"]["ua"]) / 2, abs=1e-4
        )
        assert set(found["mean"]) == set(left_out.MEANS)

    def test_its_own_labels_do_not_choose_its_temperature(self):
        corpora = {"a": corpus(0), "b": corpus(1), "c": corpus(2, sharpness=2)}
        before = strangers(corpora, EVEN, EVEN)
        own = corpora["a"]
        mixed = LeftOut(own.logits, np.random.default_rng(0).permutation(own.labels), own.groups)
        after = strangers(corpora | {"a": mixed}, EVEN, EVEN)
        assert after["a"]["temperature"] == before["a"]["temperature"]
        assert after["b"]["temperature"] != before["b"]["temperature"]

    def test_what_is_lent_helps_to_fit_temperatures_and_is_not_scored(self):
        found = strangers({"a": corpus(0)}, EVEN, EVEN, [corpus(1, 3000, sharpness=3)])
        assert set(found) == {"a", "mean"}
        assert found["a"]["temperature"] == pytest.approx(3, rel=0.1)
        assert strangers({"a": corpus(0)}, EVEN, EVEN)["a"]["temperature"] == 1

    def test_what_cannot_be_measured_is_not_in_it(self):
        assert set(strangers({"a": corpus(), "small": corpus(n=5)}, EVEN, EVEN)) == {"a", "mean"}
        assert strangers({"small": corpus(n=5)}, EVEN, EVEN) == {}

    def test_answers_are_under_the_frequencies_that_are_asked_for(self):
        logits = np.tile(np.log(SKEWED), (2, 1))
        assert np.exp(log_softmax(Answering(1.0, SKEWED, EVEN).logits(logits))) == pytest.approx(
            np.tile(EVEN, (2, 1))
        )
        assert np.exp(log_softmax(Answering(5.0, EVEN, SKEWED).logits(np.zeros((1, C)))))[0] == pytest.approx(
            SKEWED
        )


def test_a_table_is_read_as_it_was_written(tmp_path):
    corpora = {"z": corpus(0, 30), "a": corpus(1, 25, groups=1)}
    left_out.write(tmp_path / "x.parquet", corpora)
    found = left_out.read(tmp_path / "x.parquet")
    assert list(found) == ["z", "a"]
    for name, part in corpora.items():
        np.testing.assert_array_equal(found[name].logits, part.logits)
        assert found[name].logits.dtype == np.float32
        np.testing.assert_array_equal(found[name].labels, part.labels)
        assert found[name].groups.tolist() == part.groups.tolist()


def test_a_table_of_one_corpus_is_named_as_its_file_and_further_columns_do_not_matter(tmp_path):
    left_out.write(tmp_path / "x.parquet", {"a": corpus(n=3)})
    table = pd.read_parquet(tmp_path / "x.parquet").drop(columns="corpus").assign(id="i", group=[1, 2, 3])
    table.to_parquet(tmp_path / "meld_dev.parquet")
    (name, found), *rest = left_out.read(tmp_path / "meld_dev.parquet").items()
    assert (name, rest) == ("meld_dev", [])
    assert found.groups.tolist() == ["1", "2", "3"]


def test_a_missing_table_says_what_to_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x\.parquet is missing: run python -m recipes"):
        left_out.read(tmp_path / "x.parquet")
