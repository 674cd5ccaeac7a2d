"""The About page on corpora that the model has not seen: what the card holds is shown, the rest left out."""

from __future__ import annotations

import pytest

from mmer_core.checkpoint import read_record
from mmer_core.config import DEFAULT_CHECKPOINT
from ui.about.strangers import baseline_sentence, corpus_tables, mean_table

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


def test_a_row_for_each_modality_with_a_mean():
    assert rows(mean_table(CARD)) == [["**Voice**", "50.0", "52.3", "40.0", "0.06", "1"]]


def test_a_table_for_each_modality_with_a_row_for_each_corpus_and_none_for_the_mean():
    words, voice = corpus_tables(CARD).split("\n\n**Voice**\n\n")
    assert words.startswith("**Words**\n\n")
    assert rows(words.removeprefix("**Words**\n\n")) == [["one", "1,200", "50.0", "52.3", "48.1", "0.06"]]
    assert rows(voice) == [["EMO-DB", "454", "50.0", "52.3", "48.1", "0.06"]]


def test_the_sentence_says_what_the_speakers_own_voice_is_worth():
    sentence = baseline_sentence(CARD)
    order = [sentence.index(part) for part in ("48%", "ordinary voice 53%", "unlabelled, 60%")]
    assert order == sorted(order)


@pytest.mark.parametrize("missing", ["nothing", "ordinary", "own_clips"])
def test_a_sentence_with_a_hole_is_left_out(missing):
    known = {key: row for key, row in CARD["baseline"]["audio"].items() if key != missing}
    assert baseline_sentence({"baseline": {"audio": known}}) == ""


def test_whatever_a_card_lacks_is_left_out():
    for card in ({}, {"strangers": {}}):
        assert mean_table(card) == corpus_tables(card) == baseline_sentence(card) == ""


def test_the_shipped_card_is_read():
    card = read_record(DEFAULT_CHECKPOINT)["card"]
    assert [row[0] for row in rows(mean_table(card))] == ["**Words**", "**Voice**", "**Face**"]
    assert all(name in corpus_tables(card) for name in ("RAVDESS", "EMO-DB"))
    assert "ordinary voice" in baseline_sentence(card)
