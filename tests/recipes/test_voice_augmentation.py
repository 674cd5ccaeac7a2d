"""Variations of recordings, and synthetic sounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mmer_core.clip import SAMPLE_RATE
from recipes.voice import augmentation
from recipes.voice.clips import VoiceClip, sounds_without_voice, waveform_of


@pytest.fixture
def sound() -> np.ndarray:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * 300 * time) * (time > 0.2)).astype(np.float32)


@pytest.mark.parametrize("variation", augmentation.VARIATIONS, ids=lambda v: v.__name__)
def test_a_variation_is_another_sound_of_about_the_same_length_and_repeats_with_its_seed(
    variation: Callable[[np.ndarray, np.random.Generator], np.ndarray], sound: np.ndarray
) -> None:
    first, again = (variation(sound, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert 0.8 < len(first) / len(sound) < 1.25
    assert len(first) != len(sound) or np.abs(first - sound).max() > 1e-3


def test_noise_has_the_asked_distance(sound: np.ndarray) -> None:
    noise = augmentation.with_noise(sound, np.random.default_rng(0), 20.0) - sound
    level = 10 * np.log10(np.square(sound[SAMPLE_RATE // 2 :]).mean() / np.square(noise).mean())
    assert level == pytest.approx(20.0, abs=0.5)


def test_the_codec_keeps_the_sound_in_place(sound: np.ndarray) -> None:
    coded = augmentation.opus(sound, 32_000)
    assert abs(len(coded) - len(sound)) < 400
    length = min(len(coded), len(sound))
    envelopes = [
        np.abs(s[: length // 400 * 400]).reshape(-1, 400).mean(axis=1)
        for s in (sound[:length], coded[:length])
    ]
    assert np.corrcoef(*envelopes)[0, 1] > 0.95


def test_synthetic_sounds_differ_and_are_audible() -> None:
    sounds = [waveform_of(c, 0) for c in sounds_without_voice(3)]
    assert all(2 <= len(s) / SAMPLE_RATE <= 6 and 0.05 < np.abs(s).max() <= 0.1 for s in sounds)
    assert len({len(s) for s in sounds}) == 3


def test_a_file_at_another_rate_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "fast.flac"
    soundfile.write(file, np.zeros(1000), 44_100)
    clip = VoiceClip("x", file, "joy", "joy", "a", "ravdess", "male", 0)
    with pytest.raises(ValueError, match="not 16 kHz mono"):
        waveform_of(clip, 0)
