"""Which modality matters, in one sentence that its figures bear out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from run_folders import write_run

from mmer_core import metrics
from mmer_core.evaluation.statistics import Interval, paired
from mmer_core.labels import Modality
from mmer_core.runs.modality_worth import clearly_first, losses, worth_sentence
from mmer_core.runs.subset_predictions import subset_predictions

TEXT, AUDIO, VISUAL = Modality.TEXT, Modality.AUDIO, Modality.VISUAL


@pytest.fixture(scope="module")
def predictions(tmp_path_factory):
    run = write_run(tmp_path_factory.mktemp("runs") / "r", modalities=(TEXT, AUDIO, VISUAL), n=360)
    return subset_predictions(run)


def test_the_loss_is_that_of_a_paired_test(predictions):
    found = losses(predictions)
    test = paired(
        predictions.truth,
        predictions.predicted[predictions.full - {AUDIO}],
        predictions.predicted[predictions.full],
        predictions.groups,
        len(predictions.labels),
        metric="macro_f1",
    )
    expected = test.difference
    assert found[AUDIO].value == pytest.approx(expected.value)
    assert (found[AUDIO].low, found[AUDIO].high) == pytest.approx((expected.low, expected.high))


def test_the_loss_is_full_minus_without(predictions):
    full, without = (
        metrics.scores(predictions.confusion(s))["macro_f1"]
        for s in (predictions.full, predictions.full - {TEXT})
    )
    assert losses(predictions)[TEXT].value == pytest.approx(full - without)


def test_one_group_has_no_intervals(predictions):
    alone = replace(predictions, groups=np.full(len(predictions.truth), "x"))
    assert np.isnan(losses(alone)[TEXT].low)
    assert worth_sentence(losses(alone)).startswith("There are too few speakers")


def test_the_sentence_names_what_matters_most():
    found = {
        TEXT: Interval(0.123, 0.098, 0.149),
        AUDIO: Interval(0.05, 0.031, 0.07),
        VISUAL: Interval(0.004, -0.006, 0.014),
    }
    assert clearly_first(found) is TEXT
    assert worth_sentence(found) == (
        "Words matter most here: without them macro-F1 falls by 12.3 points (95 % CI 9.8 to 14.9); without "
        "the voice it falls by 5.0 points (3.1 to 7.0); without the face it falls by 0.4 points (−0.6 to "
        "1.4), which may be luck."
    )


@pytest.mark.parametrize(
    "second",
    [Interval(0.1, 0.05, 0.15), Interval(0.11, 0.09, 0.13)],
)
def test_intervals_that_overlap_name_none(second):
    found = {AUDIO: Interval(0.12, 0.1, 0.14), VISUAL: second}
    assert clearly_first(found) is None
    assert worth_sentence(found).startswith(
        "No modality matters clearly more here: without the voice macro-F1 falls by 12.0 points (95 % CI "
        "10.0 to 14.0); without the face it falls by"
    )


def test_a_modality_that_harms():
    found = {AUDIO: Interval(0.12, 0.1, 0.14), VISUAL: Interval(-0.03, -0.05, -0.01)}
    assert "without the face it rises by 3.0 points (1.0 to 5.0)." in worth_sentence(found)
