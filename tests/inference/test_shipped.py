"""The shipped models are whole, state their facts, and open."""

from dataclasses import replace

import numpy as np
import pytest

from mmer_core import checkpoint
from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT
from mmer_core.inference.baseline import Baseline
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


def test_the_voice_is_read_against_an_average_speaker_whose_ordinary_speech_is_known(shipped):
    assert shipped.takes_baseline == (Modality.AUDIO,)
    scaling = shipped.input_scaling[Modality.AUDIO]
    assert scaling.rows > 0
    for part in (scaling.mean, scaling.sd, scaling.ordinary_mean, scaling.ordinary_sd):
        assert part.shape == (shipped.encoders[Modality.AUDIO].spec.dim,)
        assert np.isfinite(part).all()
    assert (scaling.sd > 0).all()
    assert (scaling.ordinary_sd > 0).all()
    average = Baseline(
        4000, scaling.ordinary_mean.astype(float), scaling.ordinary_sd.astype(float) ** 2, 96.0
    )
    found = scaling.towards(replace(average, ordinary=True))
    np.testing.assert_allclose(found.mean, scaling.mean, atol=1e-3)


def test_no_temperature_rises_with_the_distance(shipped):
    assert set(shipped.detectors) == set(shipped.modalities)
    assert {one.temperature_slope for one in shipped.detectors.values()} == {0}
    assert "temperature_slopes" not in shipped.record["card"]["fusion"]


@pytest.mark.parametrize("modality", ["text", "audio", "visual"])
def test_the_card_says_how_well_strangers_are_read_and_how_sure_it_is_of_them(shipped, modality):
    strangers = dict(shipped.record["card"]["strangers"][modality])
    mean = strangers.pop("mean")
    assert strangers
    for key in ("ua", "accuracy", "confidence", "ece", "cross_entropy"):
        assert mean[key] == pytest.approx(np.mean([row[key] for row in strangers.values()]), abs=1e-3)
    assert all(row["n"] >= 20 for row in strangers.values())
    assert mean["ua"] > 2 / len(EMOTIONS)
    assert mean["confidence"] < mean["accuracy"] + 0.05, "no surer than right"
    assert len(strangers) == 1 or mean["ece"] <= 0.1


def test_the_card_says_what_knowing_the_speaker_is_worth(shipped):
    card = shipped.record["card"]
    known = card["baseline"]["audio"]
    assert known["nothing"]["ua"] == pytest.approx(card["strangers"]["audio"]["mean"]["ua"], abs=1e-3)
    assert known["nothing"]["ua"] < known["ordinary"]["ua"]
    assert known["nothing"]["ua"] < known["own_clips"]["ua"]


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


def test_a_model_whose_words_alone_are_loaded_answers_a_sentence_the_same(shipped):
    words = load_model(wanted={Modality.TEXT})
    assert set(words.encoders) == {Modality.TEXT}
    found, whole = words.predict(text="I am so happy"), shipped.predict(text="I am so happy")
    assert found.probabilities == whole.probabilities
    assert {m: one.reason for m, one in found.modalities.items()} == {
        m: one.reason for m, one in whole.modalities.items()
    }
