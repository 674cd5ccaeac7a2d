"""Explanations on held-out clips: a reader whose parts are known passes, and the figures are kept."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mmer_core.explanation.faithfulness import FILE, read
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import Modality
from recipes.faithfulness import __main__ as recipe
from recipes.faithfulness import areas, clips
from recipes.voice.clips import sounds_without_voice
from recipes.voice.training import VoiceTraining
from tiny_model import TinyEncoder, make_clip, make_model


class CountingEncoder(TinyEncoder):
    """How often "good" stands in a text, and nothing else."""

    def encode(self, clip):
        super().encode(clip)
        return np.full((1, 6), float(clip.text.split().count("good")), np.float32)


@pytest.fixture
def model():
    return make_model()


@pytest.fixture
def counting():
    """A model that goes by one word."""
    model = make_model(modalities=(Modality.TEXT,))
    model.encoders[Modality.TEXT] = CountingEncoder(Modality.TEXT)
    return model


def spoken(text: str, sound: bool = False):
    return make_clip(text=text, sound=sound, faces=0)


def test_the_word_that_counts_is_found(counting):
    found = areas.areas(counting, spoken("a b c good d e f g h"), Modality.TEXT)
    assert found.telling
    assert found.deletion > 0.004
    assert found.insertion > 0.004


def test_words_that_count_for_nothing_gain_nothing(counting):
    found = areas.areas(counting, spoken("a b c d e f g h i"), Modality.TEXT)
    assert not found.telling
    assert (found.deletion, found.insertion) == (0, 0)


def test_one_word_and_no_word_have_nothing_to_order(counting):
    assert areas.areas(counting, spoken("good"), Modality.TEXT) is None
    assert areas.areas(counting, make_clip(text=None), Modality.TEXT) is None


def test_the_interval_holds_the_mean():
    found = areas.summarised([0.1, 0.2, 0.3, 0.4])
    assert found["area"] == 0.25
    assert 0.1 <= found["low"] < 0.25 < found["high"] <= 0.4


def test_words_are_those_of_the_development_part(model, texts: Path):
    held = clips.words(model, texts, 0)
    read = [clip.text for clip in held.clips]
    assert read
    assert all(len(text.split()) >= clips.FEWEST_WORDS for text in read)
    assert read == [clip.text for clip in clips.words(model, texts, 0).clips]


def test_pictures_are_crops_as_they_are(model, fer2013: Path):
    held = clips.faces(model, fer2013, 0)
    clip = next(held.clips)
    assert clip.faces.crops.shape == (1, 48, 48, 3)
    assert areas.areas(model, clip, Modality.VISUAL).deletion is not None


@pytest.fixture
def quick_voice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "sounds_without_voice", lambda: sounds_without_voice(1))
    quick = VoiceTraining(members=1, hidden=4, epochs=1, iterations=2)
    monkeypatch.setattr(clips, "VoiceTraining", lambda seed: replace(quick, seed=seed))


@pytest.mark.usefixtures("quick_voice")
def test_a_voice_is_trained_without_the_corpus_and_kept(voices: Path, trained_voice: Path, tmp_path: Path):
    shutil.copytree(trained_voice / "cache", tmp_path / "cache")
    shipped = make_model()
    held = clips.voices(shipped, voices, tmp_path, 0)
    assert held.model.modalities == (Modality.AUDIO,)
    assert held.model.input_scaling
    names = [clip.name for clip in islice(held.clips, 3)]
    assert all((voices / "emodb" / name).is_file() for name in names)
    shutil.rmtree(tmp_path / "cache")
    assert [clip.name for clip in islice(clips.voices(shipped, voices, tmp_path, 0).clips, 3)] == names


@pytest.fixture
def data(texts: Path, fer2013: Path, tmp_path: Path) -> Path:
    """meld and fer2013 in one folder."""
    folder = shutil.copytree(texts, tmp_path / "data")
    return shutil.copytree(fer2013, folder, dirs_exist_ok=True)


def test_figures_are_written_beside_the_model_and_kept(
    model, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    work, out = tmp_path / "work", tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(EmotionModel, "load", classmethod(lambda cls, folder, device: model))
    sounds = clips.HeldOut(Modality.AUDIO, model, (make_clip(i) for i in range(9)), "made sounds")
    monkeypatch.setattr(recipe, "voices", lambda *_: sounds)
    arguments = ["--data", str(data), "--work", str(work), "--out", str(out), "--count", "2"]
    recipe.main(arguments)
    content = json.loads((out / FILE).read_text(encoding="utf-8"))
    assert set(content["modalities"]) == {"text", "audio", "visual"}
    assert set(read(out, model.record)) == {Modality.TEXT, Modality.AUDIO, Modality.VISUAL}
    assert "| Words | MELD, development part | 2 |" in capsys.readouterr().out
    monkeypatch.setattr(recipe, "areas_of", lambda *_: pytest.fail("it was measured before"))
    recipe.main(arguments)
    assert json.loads((out / FILE).read_text(encoding="utf-8")) == content
