"""Explanations of any model: parts sum to the share of their modality, for every subset and label, and what
is not there has its reason.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from mmer_core import fusion
from mmer_core.clip import Clip
from mmer_core.explanation import explain, summary
from mmer_core.explanation.face import GRID
from mmer_core.inference.observation import SWITCHED_OFF
from mmer_core.labels import MODALITY_TITLES, Modality, subsets
from mmer_core.media.loading import text_clip
from tiny_model import THREE, make_clip, make_model

TEXT, AUDIO, VISUAL = THREE


class FramesEncoder:
    """A sequence of frames from the sound, eight a second."""

    def __init__(self, encoder):
        self.spec = replace(encoder.spec, rate=8.0, timing="rate")

    def encode(self, clip):
        return np.resize(clip.waveform[::2000], (8 * round(clip.duration), 6)).astype(np.float32)


class BatchEncoder:
    """Words, many texts at once."""

    def __init__(self, encoder):
        self.spec, self._one = encoder.spec, encoder

    def encode(self, clip):
        return self._one.encode(clip)

    def encode_texts(self, texts, previous=None):
        clips = [text_clip(text) if text else None for text in texts]
        return [self.encode(c) if c else np.zeros((0, 6), np.float32) for c in clips]


@pytest.fixture(scope="module")
def model():
    return make_model()


def clip(text="I am so very glad today", seconds=2, **parts):
    made = make_clip(text=text, **parts)
    if made.waveform is None:
        return made
    waveform = np.random.default_rng(3).uniform(-0.5, 0.5, 16_000 * seconds).astype(np.float32)
    return replace(made, waveform=waveform, duration=float(seconds))


def sums(explanation):
    parts = {m: part.words if m is TEXT else part.moments for m, part in explanation.parts.items()}
    return {m: sum(one.points for one in part) for m, part in parts.items()}


@pytest.mark.parametrize("use", list(subsets(THREE)), ids="+".join)
@pytest.mark.parametrize("label", [None, "anger", "joy"])
def test_parts_sum_to_the_share_of_their_modality(model, use, label):
    observation = model.observe(clip())
    explanation = explain(model, observation, use, label)
    prediction = model.fuse(observation, use)
    if label is None:
        assert explanation.label == prediction.label
        assert explanation.contributions == pytest.approx({m: prediction.contributions[m] for m in use})
    assert explanation.score == pytest.approx(prediction.probabilities[explanation.label])
    assert set(explanation.parts) == set(use)
    assert sums(explanation) == pytest.approx(explanation.contributions, abs=1e-9)
    for frame in explanation.face.frames if explanation.face else ():
        assert frame.cells.sum() == pytest.approx(frame.points)
    assert all(explanation.reasons[m] == SWITCHED_OFF for m in THREE if m not in use)


@pytest.mark.parametrize("name", fusion.names())
def test_every_network_is_explained(name):
    model = make_model(name, labels=("calm", "very tired", "glad"))
    explanation = explain(model, model.observe(clip()))
    assert explanation.label in model.labels
    assert sums(explanation) == pytest.approx(explanation.contributions, abs=1e-6)
    json.dumps(explanation.to_json())


@pytest.mark.parametrize("kind", [FramesEncoder, BatchEncoder])
def test_encoders_of_frames_and_of_many_texts(kind):
    model = make_model()
    modality = AUDIO if kind is FramesEncoder else TEXT
    model.encoders[modality] = kind(model.encoders[modality])
    explanation = explain(model, model.observe(clip(seconds=5)))
    assert sums(explanation) == pytest.approx(explanation.contributions, abs=1e-9)
    assert len(explanation.sound.moments) == (10 if kind is FramesEncoder else 8)
    if kind is FramesEncoder:
        assert explanation.sound.moments[3].start == pytest.approx(1.5)


def test_leaving_out_frames_is_what_the_effects_are():
    model = make_model()
    model.encoders[AUDIO] = FramesEncoder(model.encoders[AUDIO])
    observation = model.observe(clip(seconds=4))
    explanation = explain(model, observation, [AUDIO])
    index = model.labels.index(explanation.label)
    rows = observation.features[AUDIO]
    without = {AUDIO: np.delete(rows, slice(4, 8), axis=0)}  # the second half second
    p = model.scorer.probabilities([{AUDIO: rows}, without], [(AUDIO,)])[0, :, index]
    assert explanation.sound.moments[1].effect == pytest.approx(p[0] - p[1], abs=1e-6)


def test_the_same_seed_gives_the_same_explanation(model):
    observation = model.observe(clip(text="one two three four five six seven eight nine"))
    first, again, other = (explain(model, observation, seed=seed).to_json() for seed in (0, 0, 1))
    assert first == again
    assert first["words"] != other["words"]


def test_an_unknown_label_lists_the_known_ones(model):
    with pytest.raises(ValueError, match=r"no label 'envy': choose one of neutral, anger"):
        explain(model, model.observe(clip()), label="envy")


@pytest.mark.parametrize(
    ("given", "explained"),
    [
        (text_clip("Wow"), {TEXT}),
        (clip(text=None, faces=0), {AUDIO}),
        (clip(sound=False), {TEXT, VISUAL}),
        (replace(clip(text=None, sound=False, faces=1), kind="picture", duration=0.0), {VISUAL}),
    ],
    ids=["one word", "sound", "without sound", "picture"],
)
def test_what_is_absent_has_its_reason(model, given: Clip, explained):
    explanation = explain(model, model.observe(given))
    assert set(explanation.parts) == explained
    assert set(explanation.reasons) == set(THREE) - explained
    assert all(explanation.reasons.values())
    assert sums(explanation) == pytest.approx(explanation.contributions, abs=1e-9)
    assert summary(explanation)


def test_nothing_read_is_nothing_explained(model):
    explanation = explain(model, model.observe(clip()), use=[])
    assert not explanation.parts
    assert summary(explanation) == "Nothing was read, so there is nothing to explain."


def test_features_of_a_corpus_cannot_be_explained():
    model = make_model(without_encoder=[AUDIO])
    explanation = explain(model, model.observe(clip()))
    assert AUDIO not in explanation.parts
    assert explanation.reasons[AUDIO]


def test_faces_have_maps_of_up_to_three_moments(model):
    explanation = explain(model, model.observe(clip(faces=9)), [VISUAL])
    frames = explanation.face.frames
    assert len(frames) == 3
    assert [frame.time for frame in frames] == sorted(frame.time for frame in frames)
    assert all(frame.cells.shape == frame.effects.shape == (GRID, GRID) for frame in frames)


def test_only_the_patches_that_are_read_have_an_effect(model):
    """The tiny encoder reads the first two pixels of a picture."""
    effects = explain(model, model.observe(clip(faces=1)), [VISUAL]).face.frames[0].effects
    assert effects[0, 0] != 0
    assert not effects[2:].any()
    assert not effects[:, 2:].any()


def test_the_summary_names_the_modality_that_counts_most(model):
    explanation = explain(model, model.observe(clip()))
    strongest = max(explanation.contributions, key=lambda m: abs(explanation.contributions[m]))
    assert summary(explanation).startswith(f"Mostly the {MODALITY_TITLES[strongest].lower()}")
    assert "no single part" in summary(explanation, shown=[])


def test_pitch_and_loudness_follow_a_tone(model):
    tone = (0.3 * np.sin(2 * np.pi * 200 * np.arange(32_000) / 16_000)).astype(np.float32)
    tone[16_000:] *= 0.0
    given = replace(clip(text=None, faces=0), waveform=tone, duration=2.0)
    sound = explain(model, model.observe(given)).sound
    assert np.nanmedian(sound.pitch) == pytest.approx(200, rel=0.03)
    assert np.isnan(sound.pitch[sound.times > 1.1]).all()
    assert sound.level.max() == pytest.approx(0)
    assert sound.level[-1] == pytest.approx(-60)


def test_modalities_that_are_read_as_a_whole():
    modalities = (Modality.TEXT, Modality.METADATA)
    model = make_model(modalities=modalities, without_encoder=[Modality.METADATA])
    observation = model.observe(clip())
    features = {**observation.features, Modality.METADATA: np.zeros((1, 6), np.float32)}
    explanation = explain(model, replace(observation, features=features))
    assert Modality.METADATA in explanation.reasons
    assert Modality.METADATA in explanation.contributions
