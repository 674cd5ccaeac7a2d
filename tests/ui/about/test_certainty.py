"""What the About page says on certainty and groups of people is what the record says; what the record lacks is left out."""

from __future__ import annotations

import pytest

from mmer_core.checkpoint import read_record
from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.labels import MODALITY_COLOURS, Modality
from ui.about.certainty import (
    caution_sentence,
    risk_lines,
    risk_sentence,
    risk_subsets,
    threshold_label,
    unlabelled_sentence,
    unlike_table,
    voice_table,
)

UNSURE = {"coverage": 0.9, "risk": 0.05, "risk_of_all": 0.1}
CURVE = [[0.5, 0.01], [1.0, 0.1]]
RECORD = {
    "modalities": {
        "text": {"data": [{"name": "MELD, training part"}]},
        "audio": {"data": [{"name": "RAVDESS"}]},
        "visual": {"data": [{"name": "FER2013 (train)"}]},
    },
    "fusion": {"unsure_below": 0.49, "coverage": 0.8},
    "figures": {
        "fused": {"subsets": {"text+audio": {"ua": 0.9, "unsure": UNSURE, "risk_curve": CURVE}, "text": {"unsure": UNSURE, "risk_curve": CURVE}}},
        "familiarity": {"audio": {"held out": {"n": 588, "called unlike": 0.0102}, "sounds without a voice": {"n": 160, "called unlike": 1.0}}},
        "audio": {
            "cross_validation": {
                "ravdess": {"as_recorded": {"n": 1440, "ua": 0.7676}, "female": {"n": 720, "ua": 0.813}, "male": {"n": 720, "ua": 0.7222}},
                "emodb": {"as_recorded": {"n": 454, "ua": 0.8494}},
            },
            "corpora_not_heard": {"emodb": {"n": 454, "ua": 0.42, "ece": 0.251, "ece_with_caution": 0.084}},
        },
    },
}
OLD = {"modalities": {}, "fusion": {}, "figures": {"fused": {"subsets": {"text": {"ua": 0.4}}}, "audio": {}}}


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_a_line_and_a_dot_for_each_subset_in_its_colour():
    text, dot, both, _ = risk_lines(RECORD).data
    assert (text.name, both.name) == ("Words", "Words + voice")
    assert list(text.x) == [50, 100]
    assert list(text.y) == pytest.approx([1, 10])
    assert (dot.x[0], dot.y[0]) == pytest.approx((90, 5))
    assert text.line.color == MODALITY_COLOURS[Modality.TEXT]
    assert both.line.dash == "dash"


def test_the_sentence_has_the_thresholds_figures_for_everything_together():
    sentence = risk_sentence(RECORD)
    for part in ("Below 49.0 %", "words + voice", "90.0 % of the answers", "5.0 % of those are wrong", "against 10.0 %"):
        assert part in sentence
    assert "words: 90% answered plainly, 5% of those wrong" in threshold_label(RECORD)


def test_warnings_are_counted_for_each_kind_of_input():
    assert rows(unlike_table(RECORD)) == [["**Voice**", "held-out part", "588", "1.0"], ["**Voice**", "sounds without a voice", "160", "100.0"]]


def test_voices_are_told_apart_where_the_data_says_whose_they_are():
    assert rows(voice_table(RECORD)) == [
        ["RAVDESS", "English", "women", "720", "81.3"],
        ["RAVDESS", "English", "men", "720", "72.2"],
        ["RAVDESS", "English", "everybody", "1,440", "76.8"],
        ["EMO-DB", "German", "everybody", "454", "84.9"],
        ["EMO-DB", "German", "everybody, the corpus not heard", "454", "42.0"],
    ]
    assert caution_sentence(RECORD).endswith("their calibration error (ECE) from 0.25 to 0.08 for EMO-DB.")
    assert "MELD and FER2013 come without" in unlabelled_sentence(RECORD)


def test_an_older_record_leaves_out_what_it_lacks():
    assert risk_subsets(OLD) == {}
    assert (risk_sentence(OLD), unlike_table(OLD), voice_table(OLD), caution_sentence(OLD)) == ("", "", "", "")


def test_the_shipped_record_is_read():
    record = read_record(DEFAULT_CHECKPOINT)
    assert {row[0] for row in rows(voice_table(record))} <= {"RAVDESS", "EMO-DB"}
    assert len(risk_lines(record).data) in (0, 2 * len(risk_subsets(record)))
