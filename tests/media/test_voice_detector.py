"""Where somebody speaks: found from the clip alone, whatever was heard before."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media import voice_detector
from mmer_core.media.loading import load_clip
from mmer_core.media.voice_activity import raise_level
from mmer_core.media.voice_detector import HOP, WEIGHTS, find_voices, probabilities

NOVEL = Path(__file__).parents[2] / "samples" / "novel.mp3"
NOISE = (0.05 * np.random.default_rng(0).standard_normal(3 * SAMPLE_RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def novel() -> np.ndarray:
    waveform = load_clip(NOVEL).waveform
    assert waveform is not None
    return raise_level(waveform)


def test_the_weights_are_those_that_the_readme_tells_of():
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert digest in (WEIGHTS.parent / "README.md").read_text("utf-8")


def test_the_stretches_are_those_of_the_library_that_the_model_was_trained_with(novel):
    """moonshine-voice 0.0.73 gives these in a new process."""
    found = find_voices(novel)
    assert np.round(found, 3).tolist() == [[0.856, 5.048], [4.664, 7.736]]


def test_what_was_heard_before_changes_nothing(novel):
    alone = find_voices(novel)
    for before in (NOISE, novel[: SAMPLE_RATE + 100], np.zeros(7, np.float32)):
        find_voices(before)
        assert find_voices(novel) == alone


def test_a_long_sound_is_read_in_parts_as_if_at_once(novel, monkeypatch):
    whole = probabilities(novel)
    monkeypatch.setattr(voice_detector, "_AT_ONCE", 7)
    assert np.allclose(probabilities(novel), whole, atol=1e-5)


@pytest.mark.parametrize("samples", [0, 1, HOP - 1, HOP, 5 * SAMPLE_RATE])
def test_silence_and_noise_have_no_voice(samples):
    assert find_voices(np.zeros(samples, np.float32)) == []
    assert find_voices(np.resize(NOISE, samples)) == []
    assert len(probabilities(np.zeros(samples, np.float32))) == samples // HOP


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 500)), min_size=1, max_size=8))
def test_stretches_are_in_order_and_of_at_most_ten_seconds(turns):
    """Of any course of the probability."""
    course = np.concatenate([np.zeros(0, np.float32), *(np.full(n, 0.9 * v, np.float32) for v, n in turns)])
    found = voice_detector._stretches(course)
    assert found == sorted(found)
    for start, end in found:
        assert 0 <= start < end <= len(course) * HOP
        assert end - start <= voice_detector.LONGEST + 2 * HOP
    spoken = np.zeros(len(course), bool)
    for start, end in found:
        spoken[start // HOP : end // HOP] = True
    sure = np.convolve(course, np.ones(16) / 16)[: len(course)] > 0.35
    assert spoken[sure].all(), "nothing that is spoken is left out"
