"""Out-of-distribution detectors of the shipped encoders, fitted after the small trainings."""

import json
import shutil

import numpy as np
import pytest

from mmer_core.labels import Modality
from mmer_core.uncertainty import out_of_distribution
from recipes.bundle import detectors
from recipes.bundle.detectors import cut_up, fit_detectors
from recipes.voice.clips import cached_moments, sounds_without_voice, voice_clips

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("tiny_faces", "shallow_minilm")]


@pytest.fixture
def work(trained_face, trained_words, trained_voice, tmp_path):
    """The results of all recipes in one folder."""
    shutil.copytree(trained_voice, tmp_path, dirs_exist_ok=True)
    for folder, names in (
        (trained_face, ("face.safetensors",)),
        (trained_words, ("text.json", "text.safetensors")),
    ):
        for name in names:
            shutil.copyfile(folder / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def data(texts, voices, fer2013, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for source in (texts, voices, fer2013):
        for corpus in source.iterdir():
            (folder / corpus.name).symlink_to(corpus)
    return folder


@pytest.fixture(autouse=True)
def small_samples(monkeypatch):
    monkeypatch.setattr(detectors, "HELD_OUT", 20)
    monkeypatch.setattr(detectors, "UNLIKE", 8)
    monkeypatch.setattr(detectors, "sounds_without_voice", lambda: sounds_without_voice(1))


def test_every_modality_gets_a_detector_and_figures(data, work):
    report = fit_detectors(data, work)
    assert json.loads((work / "out_of_distribution.json").read_text()) == report
    counts = {m: {kind: row["n"] for kind, row in rows.items()} for m, rows in report["figures"].items()}
    assert counts == {
        "text": {"held out": 10, "letters at random": 8},
        "audio": {"held out": 18, "sounds without a voice": 3},
        "visual": {"held out": 10, "cut-up faces": 8, "noise": 8},
    }
    assert all(0 <= row["flagged"] <= 1 for rows in report["figures"].values() for row in rows.values())
    found = out_of_distribution.load(work)
    assert set(found) == {Modality.TEXT, Modality.AUDIO, Modality.VISUAL}
    assert {one.temperature_slope for one in found.values()} == {0}, "its corpora choose the temperature"


def test_the_voices_held_out_are_those_of_one_fold_with_their_variations(voices, trained_voice):
    found = detectors.voice_vectors(voices, trained_voice, np.random.default_rng(0))
    clips = voice_clips(voices)
    held_out = [c for c in clips if c.fold == 0]
    assert len(found.held_out) == 3 * len(held_out) == 3 * (8 + 4)
    assert len(found.training) == 3 * (len(clips) - len(held_out))
    first, *_ = cached_moments(held_out, trained_voice / "cache")
    np.testing.assert_array_equal(found.held_out[:3], np.stack([variant.mean for variant in first]))


def test_without_the_encoders_it_says_what_to_run(data, tmp_path):
    with pytest.raises(FileNotFoundError, match="run python -m recipes --only words before this step"):
        fit_detectors(data, tmp_path)


def test_a_cut_up_face_has_the_same_grey_values():
    image = np.arange(48 * 48).reshape(48, 48).astype(np.uint8)
    mixed = cut_up(image, np.random.default_rng(0))
    assert not np.array_equal(mixed, image)
    assert np.array_equal(np.sort(mixed.ravel()), np.sort(image.ravel()))
