"""The About page on corpora that the model has not seen: what the card holds is shown, the rest left out."""

from __future__ import annotations

import pytest

from mmer_core.checkpoint import read_record
from mmer_core.config import DEFAULT_CHECKPOINT
from ui.about.strangers import baseline_sentence, strangers_table

SCORES = {"ua": 0.481, "accuracy": 0.5, "confidence": 0.5234, "ece": 0.061, "cross_entropy": 1.25}
CARD = {
    "strangers": {
        "text": {"one": {"n": 1200, **SCORES}},
        "audio": {"emodb": {"n": 454, **SCORES}, "mean": SCORES | {"ua": 0.4}},
    },
    "baseline": {
        "audio": {
            "nothing": SCORES,
            "varied": SCORES,
            "ordinary": SCORES | {"ua": 0.529},
            "own_clips": SCORES | {"ua": 0.6},
        }
    },
}


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:]]


def test_a_row_for_each_corpus_and_a_bold_one_for_the_mean():
    assert rows(strangers_table(CARD)) == [
        ["**Words**", "one", "1,200", "48.1", "50.0", "52.3", "0.06"],
        ["**Voice**", "EMO-DB", "454", "48.1", "50.0", "52.3", "0.06"],
        ["**Voice**", "**mean**", "", "**40.0**", "**50.0**", "**52.3**", "**0.06**"],
    ]


def test_the_sentence_says_what_the_speakers_own_voice_is_worth():
    sentence = baseline_sentence(CARD)
    order = [sentence.index(part) for part in ("48%", "ordinary voice 53%", "unlabelled, 60%")]
    assert order == sorted(order)


@pytest.mark.parametrize("missing", ["nothing", "ordinary", "own_clips"])
def test_a_sentence_with_a_hole_is_left_out(missing):
    known = {key: row for key, row in CARD["baseline"]["audio"].items() if key != missing}
    assert baseline_sentence({"baseline": {"audio": known}}) == ""


def test_whatever_a_card_lacks_is_left_out():
    assert strangers_table({}) == strangers_table({"strangers": {}}) == baseline_sentence({}) == ""


def test_the_shipped_card_is_read():
    card = read_record(DEFAULT_CHECKPOINT)["card"]
    found = rows(strangers_table(card))
    assert {row[0] for row in found} == {"**Words**", "**Voice**", "**Face**"}
    assert sum(row[1] == "**mean**" for row in found) == 3
    assert {"RAVDESS", "EMO-DB"} <= {row[1] for row in found}
    assert "ordinary voice" in baseline_sentence(card)
