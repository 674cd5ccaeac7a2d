"""The model card has what the record has."""

import pytest

from mmer_core.checkpoint import read_record
from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT
from mmer_core.inference.card import PROHIBITED, write_card
from mmer_core.labels import MODALITY_TITLES, Modality


@pytest.fixture
def record():
    return read_record(DEFAULT_CHECKPOINT)


def text_of(tmp_path, record) -> str:
    return write_card(tmp_path, record).read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", [DEFAULT_CHECKPOINT, LARGE_CHECKPOINT], ids=lambda folder: folder.name)
def test_the_shipped_card_is_written_from_the_shipped_record(folder, tmp_path):
    assert text_of(tmp_path, read_record(folder)) == (folder / "README.md").read_text(encoding="utf-8")


def test_data_licences_figures_and_prohibited_uses_are_in_it(record, tmp_path):
    written, card = text_of(tmp_path, record), record["card"]
    for sources in card["data"].values():
        assert all(source["name"] in written and source["licence"] in written for source in sources)
    assert f"| {card['figures']['visual']['public_test']['accuracy']:.4f} |" in written
    assert all(f"- {line}" in written for line in (*card["limits"], *PROHIBITED))
    assert all(digest in written for digest in record["files"].values())
    for modality, prior in card["fusion"]["priors"].items():
        assert sum(prior.values()) == pytest.approx(1, abs=1e-3)
        frequencies = " | ".join(f"{p:.3f}" for p in prior.values())
        assert f"| {MODALITY_TITLES[Modality(modality)]} | {frequencies} |" in written
    for row in card["figures"]["out_of_distribution"]["audio"].values():
        assert f"{row['n']:,} | {100 * row['flagged']:.1f} %" in written


SCORES = {"ua": 0.4811, "accuracy": 0.5, "confidence": 0.52, "ece": 0.061, "cross_entropy": 1.25}


def test_corpora_that_were_left_out_come_first_among_the_figures(record, tmp_path):
    record["card"]["strangers"] = {
        "text": {"one": {"n": 1200, **SCORES, "recall": {"joy": 0.5}, "temperature": 1.5}, "mean": SCORES},
        "audio": {"emodb": {"n": 454, **SCORES}},
    }
    record["card"]["baseline"] = {"audio": {"nothing": SCORES, "own_clips": SCORES | {"ua": 0.6}}}
    written = text_of(tmp_path, record)
    assert written.index("## Strangers") < written.index("## Modalities")
    assert "|  | corpus left out | n | UA | accuracy | confidence | ECE | cross-entropy |" in written
    scores = "0.481 | 0.500 | 0.520 | 0.061 | 1.250 |"
    assert f"| Words | one | 1200 | {scores}" in written
    assert f"| Words | mean |  | {scores}" in written
    assert f"| Voice | emodb | 454 | {scores}" in written
    assert f"| nothing | {scores}" in written
    assert "| own clips | 0.600 | 0.500 |" in written
    assert "Voice: the same, mean over the corpora, by what is known of the speaker" in written


@pytest.mark.parametrize("strangers", [{}, None])
def test_without_such_corpora_there_is_no_such_section(record, tmp_path, strangers):
    record["card"] |= {"strangers": strangers, "baseline": {"audio": {"nothing": SCORES}}}
    written = text_of(tmp_path, record)
    assert "## Strangers" not in written
    assert "what is known of the speaker" not in written


def test_recipes_that_were_not_chosen_are_in_it(record, tmp_path):
    record["card"]["tried"] = {
        "visual": [
            {"recipe": "small", "held_out": 0.5},
            {"recipe": "large | deep", "held_out": 0.6125, "loss": 1.5},
        ]
    }
    written = text_of(tmp_path, record)
    assert "| recipe | held out | loss |" in written
    assert "| small | 0.5000 |  |" in written
    assert "| large \\| deep | 0.6125 | 1.5000 |" in written


def test_a_card_that_says_nothing_still_has_the_model_and_its_prohibited_uses(record, tmp_path):
    record["card"] = {}
    written = text_of(tmp_path, record)
    assert "## Limits" not in written
    assert "## Figures" not in written
    for part in (*PROHIBITED, *record["labels"], "encoder `minilm`", "Network `product`"):
        assert part in written
