"""Variations of recordings, and synthetic sounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mmer_core.clip import SAMPLE_RATE
from recipes.voice import augmentation
from recipes.voice.clips import VARIANTS, VoiceClip, sounds_without_voice, waveform_of


@pytest.fixture
def sound() -> np.ndarray:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    return (0.1 * np.sin(2 * np.pi * 300 * time) * (time > 0.2)).astype(np.float32)


@pytest.mark.parametrize(
    "variation", [*augmentation.VARIATIONS, augmentation.narrow_band], ids=lambda v: v.__name__
)
def test_a_variation_is_another_sound_of_about_the_same_length_and_repeats_with_its_seed(
    variation: Callable[[np.ndarray, np.random.Generator], np.ndarray], sound: np.ndarray
) -> None:
    first, again = (variation(sound, np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert 0.8 < len(first) / len(sound) < 1.25
    assert len(first) != len(sound) or np.abs(first - sound).max() > 1e-3


@pytest.mark.parametrize("seed", range(9))
def test_a_telephone_has_no_treble_and_its_level_is_that_of_a_line(seed: int) -> None:
    loud = np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE).astype(np.float32)
    for level in (1e-3, 0.3):
        line = augmentation.narrow_band(level * loud, np.random.default_rng(seed))
        power = np.square(np.abs(np.fft.rfft(line)))
        hertz = np.fft.rfftfreq(len(line), 1 / SAMPLE_RATE)
        assert power[hertz > 4200].sum() < 0.01 * power.sum()
        assert power[(hertz > 500) & (hertz < 3200)].sum() > 0.6 * power.sum()
        assert -42 < 10 * np.log10(np.square(line).mean()) < -13
        assert np.abs(line).max() <= 1.1


def test_mu_law_has_255_levels_and_errs_in_proportion() -> None:
    sound = np.linspace(-1, 1, 20_001, dtype=np.float32)
    coded = augmentation.mu_law(sound)
    assert len(np.unique(coded)) == 255
    np.testing.assert_allclose(augmentation.mu_law(coded), coded, atol=1e-6)
    loud = np.abs(sound) > 0.05
    assert np.abs(coded[loud] / sound[loud] - 1).max() < 0.03
    assert np.abs(coded - sound)[~loud].max() < 2e-3


def test_the_variants_of_a_recording_differ_and_repeat(tmp_path: Path, sound: np.ndarray) -> None:
    file = tmp_path / "tone.flac"
    soundfile.write(file, sound, SAMPLE_RATE)
    clip = VoiceClip("tone", file, "joy", "joy", "a", "ravdess", "male", 0)
    found = dict(zip(VARIANTS, (waveform_of(clip, v) for v in range(len(VARIANTS))), strict=True))
    np.testing.assert_allclose(found["as_recorded"], sound, atol=1e-4)
    again = waveform_of(clip, VARIANTS.index("narrow_band"))
    np.testing.assert_array_equal(found["narrow_band"], again)
    others = [found[name][:8000] for name in ("as_recorded", "varied")]
    assert all(np.abs(other - again[:8000]).max() > 1e-3 for other in others)


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
