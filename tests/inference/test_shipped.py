"""The shipped models are whole, state their facts, and open."""

import pytest

from mmer_core import checkpoint
from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT
from mmer_core.inference.card import AGAINST
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.shipped import load_model
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.loading import text_clip


@pytest.fixture(scope="module")
def shipped() -> EmotionModel:
    return EmotionModel.load()


def test_the_model_is_whole_and_states_its_data_licence_and_figures():
    record = checkpoint.read_record(DEFAULT_CHECKPOINT)
    assert record["labels"] == list(EMOTIONS)
    assert record["licence"]
    card = record["card"]
    assert card["limits"]
    for name in record["modalities"]:
        assert all(source["licence"] and source["n"] > 0 for source in card["data"][name])
        assert card["figures"][name]


def test_the_models_are_small():
    assert (
        sum(f.stat().st_size for folder in (DEFAULT_CHECKPOINT, LARGE_CHECKPOINT) for f in folder.iterdir())
        < 60e6
    )


def test_the_large_model_fits_the_default_one_and_is_worth_its_size():
    record = checkpoint.read_record(LARGE_CHECKPOINT)
    assert record["base"]["folder"] == DEFAULT_CHECKPOINT.name
    assert record["needs"]
    gains = record["card"]["figures"]["text"][AGAINST]
    better = [gains[condition]["cross_entropy_high"] < 0 for condition in ("alone", "in dialogue")]
    assert all(better), (
        "its probabilities are better than the default model's by more than chance, for dialogues"
    )
    assert "comments" in gains, "it says how it does where it may be worse"


def test_the_voices_temperature_rises_with_the_distance_and_calibrates_unseen_corpora(shipped):
    card, detectors = shipped.record["card"], shipped.detectors
    slopes = {m.value: pytest.approx(one.temperature_slope, abs=1e-4) for m, one in detectors.items()}
    assert slopes == card["fusion"]["temperature_slopes"]
    assert detectors[Modality.AUDIO].temperature_slope > 0
    for figures in card["figures"]["audio"]["unseen_corpora"].values():
        assert figures["ece_scaled"] < figures["ece"]
        assert figures["cross_entropy_scaled"] < figures["cross_entropy"]


def test_a_shipped_model_is_found_by_name():
    assert load_model("default", "cpu").folder == DEFAULT_CHECKPOINT
    with pytest.raises(checkpoint.CheckpointError, match="no model in nowhere"):
        load_model("nowhere")


def test_the_model_reads_words_in_the_context_of_the_turns_before(shipped):
    alone = shipped.observe(text_clip("Oh."))
    behind = shipped.reword(alone, "Oh.", ("I lost my job.", "My dog died as well."))
    assert shipped.reads_dialogue
    assert shipped.fuse(behind).probabilities["sadness"] > shipped.fuse(alone).probabilities["sadness"]


@pytest.mark.parametrize(
    ("emoji", "emotion"), [("😂", "joy"), ("😢", "sadness"), ("😱", "fear"), ("😡", "anger")]
)
def test_the_model_reads_emoji(shipped, emoji, emotion):
    without, with_it = (
        shipped.fuse(shipped.observe(text_clip(f"I got a letter from them today{end}")))
        for end in ("", f" {emoji}")
    )
    assert with_it.probabilities[emotion] > 1.2 * without.probabilities[emotion]
