"""The About page on certainty and groups of people: what the card holds is shown, the rest left out."""

from __future__ import annotations

import pytest

from mmer_core.checkpoint import read_record
from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.labels import Modality
from ui.about.certainty import (
    risk_lines,
    risk_sentence,
    risk_subsets,
    threshold_label,
    unlabelled_sentence,
    unlike_table,
    voice_table,
)
from ui.theme import MODALITY_COLOURS

UNSURE = {"coverage": 0.9, "risk": 0.05, "risk_of_all": 0.1}
CURVE = [[0.5, 0.01], [1.0, 0.1]]
CARD = {
    "data": {
        "text": [{"name": "MELD, training part"}],
        "audio": [{"name": "RAVDESS"}],
        "visual": [{"name": "FER2013 (train)"}],
    },
    "figures": {
        "fused": {
            "subsets": {
                "text+audio": {"ua": 0.9, "unsure": UNSURE, "risk_curve": CURVE},
                "text": {"unsure": UNSURE, "risk_curve": CURVE},
            }
        },
        "out_of_distribution": {
            "audio": {
                "held out": {"n": 588, "flagged": 0.0102},
                "sounds without a voice": {"n": 160, "flagged": 1.0},
            }
        },
        "audio": {
            "cross_validation": {
                "ravdess": {
                    "as_recorded": {"n": 1440, "ua": 0.7676},
                    "female": {"n": 720, "ua": 0.813},
                    "male": {"n": 720, "ua": 0.7222},
                },
                "emodb": {"as_recorded": {"n": 454, "ua": 0.8494}},
            },
        },
    },
    "strangers": {
        "audio": {"emodb": {"n": 454, "ua": 0.42}, "ased": {"n": 2470, "ua": 0.5}, "mean": {"ua": 0.46}}
    },
}
BARE = {"figures": {"fused": {"subsets": {"text": {"ua": 0.4}}}, "audio": {}}}


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_a_line_and_a_dot_for_each_subset_in_its_colour():
    text, dot, both, _ = risk_lines(CARD).data
    assert (text.name, both.name) == ("Words", "Words + voice")
    assert list(text.x) == [50, 100]
    assert list(text.y) == pytest.approx([1, 10])
    assert (dot.x[0], dot.y[0]) == pytest.approx((90, 5))
    assert text.line.color == MODALITY_COLOURS[Modality.TEXT]
    assert both.line.dash == "dash"


def test_the_sentence_has_the_figures_of_the_threshold_for_all_modalities():
    sentence = risk_sentence(CARD, 0.49)
    for part in (
        "Below 49.0 %",
        "words + voice",
        "90.0 % of the answers",
        "5.0 % of those are wrong",
        "against 10.0 %",
    ):
        assert part in sentence
    assert "words: 90% answered plainly, 5% of those wrong" in threshold_label(CARD)


def test_warnings_are_counted_for_each_kind_of_input():
    assert rows(unlike_table(CARD)) == [
        ["**Voice**", "held-out part", "588", "1.0"],
        ["**Voice**", "sounds without a voice", "160", "100.0"],
    ]


def test_voices_are_grouped_where_the_data_names_the_speakers():
    assert rows(voice_table(CARD)) == [
        ["RAVDESS", "English", "women", "720", "81.3"],
        ["RAVDESS", "English", "men", "720", "72.2"],
        ["RAVDESS", "English", "everybody", "1,440", "76.8"],
        ["EMO-DB", "German", "everybody", "454", "84.9"],
        ["EMO-DB", "German", "everybody, corpus left out of training", "454", "42.0"],
    ]
    assert "MELD and FER2013 come without" in unlabelled_sentence(CARD)


def test_whatever_a_card_lacks_is_left_out():
    assert risk_subsets(BARE) == {}
    assert risk_sentence(BARE, 0.5) == ""
    assert risk_sentence(CARD, 0.0) == "", "a model without a threshold"
    assert {unlike_table(BARE), voice_table(BARE)} == {""}
    without = [row[2] for row in rows(voice_table({"figures": CARD["figures"]}))]
    assert without == ["women", "men", "everybody", "everybody"]


def test_the_shipped_card_is_read():
    card = read_record(DEFAULT_CHECKPOINT)["card"]
    voices = rows(voice_table(card))
    assert {row[0] for row in voices} == {"RAVDESS", "EMO-DB"}
    assert sum("left out of training" in row[2] for row in voices) == 2
    assert len(risk_lines(card).data) == 2 * len(risk_subsets(card)) > 0
    assert len(rows(unlike_table(card))) > 0
