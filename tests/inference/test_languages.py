"""Which words are read, by the languages that a model's record names."""

import numpy as np
import pytest

from mmer_core.encoders import EncoderUnavailable
from mmer_core.inference import observation
from mmer_core.inference.answer import LESS_SURELY
from mmer_core.inference.record import computed
from mmer_core.labels import Modality
from mmer_core.media.speech import Transcript
from tiny_model import make_clip, make_model

SPANISH = "Hoy estoy muy triste, amigo mío"
FINNISH = "Olen tänään niin surullinen, ystäväni"
NOTE = f"The words were taken for Spanish; {LESS_SURELY}."


@pytest.fixture
def model():
    made = make_model()
    made.record["modalities"]["text"] |= {"language": "en", "languages": ["en", "de", "es"]}
    return made


def test_a_record_without_languages_names_english_or_nothing():
    model = make_model()
    assert model.languages == ()
    model.record["modalities"]["text"]["language"] = "en"
    assert model.languages == ("en",)
    assert Modality.TEXT not in model.observe(make_clip(text=SPANISH)).features


def test_the_entry_of_a_modality_names_them():
    spec = make_model().encoders[Modality.TEXT].spec
    assert "languages" not in computed("tiny", {}, spec, "en")
    assert "languages" not in computed("tiny", {}, spec, "en", ["en"])
    assert computed("tiny", {}, spec, "en", ("en", "es"))["languages"] == ["en", "es"]


def test_words_in_a_language_that_is_read_count_and_the_answer_names_it(model):
    prediction = model.fuse(model.observe(make_clip(text=SPANISH)))
    assert Modality.TEXT in prediction.used
    assert NOTE in prediction.notes


def test_nothing_is_said_of_english_words(model):
    prediction = model.fuse(model.observe(make_clip(text="I am so sad today")))
    assert Modality.TEXT in prediction.used
    assert not any("taken for" in note for note in prediction.notes)


def test_nothing_is_said_of_words_that_are_switched_off(model):
    found = model.observe(make_clip(text=SPANISH))
    assert NOTE not in model.fuse(found, use=(Modality.AUDIO,)).notes


def test_other_words_are_left_out_and_the_reason_names_what_is_read(model):
    reason = "the words look Finnish; only English, German and Spanish are read"
    found = model.observe(make_clip(text=FINNISH))
    assert found.absent[Modality.TEXT] == reason
    assert f"The words were left out: {reason}." in model.fuse(found).warnings


def test_of_speech_only_english_is_read(model, monkeypatch):
    monkeypatch.setattr(observation, "transcribe", lambda *_: Transcript(SPANISH, (), 0.1))
    heard = model.observe(make_clip(text=None))
    reason = "the words look Spanish; only English is read"
    assert heard.absent[Modality.TEXT] == reason
    assert model.reword(heard, SPANISH).absent[Modality.TEXT] == reason, "nobody has changed it"
    typed = model.reword(heard, f"{SPANISH}, de verdad")
    assert Modality.TEXT in model.fuse(typed).used


def test_a_language_whose_encoder_is_not_installed_is_absent_with_the_reason(model, monkeypatch):
    def encode(clip):
        raise EncoderUnavailable("it is not installed: run pip install it")

    monkeypatch.setattr(model.encoders[Modality.TEXT], "encode", encode)
    prediction = model.fuse(model.observe(make_clip(text=SPANISH)))
    assert prediction.modalities[Modality.TEXT].reason == "it is not installed: run pip install it"
    assert NOTE not in prediction.notes
    assert np.isclose(sum(prediction.probabilities.values()), 1)
