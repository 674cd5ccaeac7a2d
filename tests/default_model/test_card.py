"""The model card says what the record says."""

import pytest

from mmer_core.checkpoint import read_record
from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT
from mmer_core.default_model.card import PROHIBITED, write_card
from mmer_core.labels import MODALITY_TITLES, Modality


@pytest.fixture(scope="module")
def record():
    return dict(read_record(DEFAULT_CHECKPOINT))


@pytest.mark.parametrize("folder", [DEFAULT_CHECKPOINT, LARGE_CHECKPOINT], ids=lambda folder: folder.name)
def test_the_shipped_card_is_written_from_the_shipped_record(folder, tmp_path):
    assert write_card(tmp_path, read_record(folder)).read_text(encoding="utf-8") == (folder / "README.md").read_text(encoding="utf-8")


def test_data_licences_figures_and_prohibited_uses_are_in_it(record, tmp_path):
    card = write_card(tmp_path, record).read_text(encoding="utf-8")
    for entry in record["modalities"].values():
        assert all(source["name"] in card and source["licence"] in card for source in entry["data"])
    assert f"| {record['figures']['visual']['public_test']['accuracy']:.4f} |" in card
    assert all(use in card for use in PROHIBITED)
    assert all(digest in card for digest in record["files"].values())
    for modality, prior in record["fusion"]["answer_priors"].items():
        assert sum(prior.values()) == pytest.approx(1, abs=1e-3)
        assert f"| {MODALITY_TITLES[Modality(modality)]} | {' | '.join(f'{p:.3f}' for p in prior.values())} |" in card


def test_what_was_tried_is_in_it_with_what_did_not_win(record, tmp_path):
    record["tried"] = {"visual": [{"recipe": "small", "held_out": 0.5}, {"recipe": "large | deep", "held_out": 0.6125, "loss": 1.5}]}
    card = write_card(tmp_path, record).read_text(encoding="utf-8")
    assert "| recipe | held out | loss |" in card
    assert "| small | 0.5000 |  |" in card
    assert "| large \\| deep | 0.6125 | 1.5000 |" in card
