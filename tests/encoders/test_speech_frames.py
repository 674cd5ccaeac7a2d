"""Levels and mel spectrograms on the frames of the voice encoders."""

from __future__ import annotations

import numpy as np
import pytest

from mmer_core.clip import SAMPLE_RATE
from mmer_core.encoders.backends import speech_frames


def buzz(seconds: float, hertz: float | np.ndarray, amplitude: float = 0.1) -> np.ndarray:
    """A voice-like sound: twelve harmonics that fall off."""
    samples = int(seconds * SAMPLE_RATE)
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, samples)) / SAMPLE_RATE
    return (amplitude * sum(np.sin(k * phase) / k for k in range(1, 13))).astype(np.float32)


def noise(seconds: float, amplitude: float = 0.1, seed: int = 0) -> np.ndarray:
    return (amplitude * np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))).astype(
        np.float32
    )


@pytest.mark.parametrize("hertz", [200, 1000, 4000])
def test_a_tone_stands_in_its_mel_band(hertz: int) -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    mel = speech_frames.log_mel((0.1 * np.sin(2 * np.pi * hertz * time)).astype(np.float32))
    assert mel.shape == (speech_frames.frame_count(SAMPLE_RATE), 64)
    assert mel.dtype == np.float32
    centres = np.linspace(*(2595 * np.log10(1 + np.array([50, 7600]) / 700)), 66)[1:-1]
    expected = np.abs(centres - 2595 * np.log10(1 + hertz / 700)).argmin()
    assert (np.abs(mel.argmax(axis=1) - expected) <= 1).all()


def test_twice_the_amplitude_is_six_decibels_more() -> None:
    difference = speech_frames.log_mel(noise(1.0, 0.2)) - speech_frames.log_mel(noise(1.0, 0.1))
    np.testing.assert_allclose(difference, 20 * np.log10(2), atol=0.01)


def test_silence_is_the_floor_and_a_click_stands_where_it_is() -> None:
    sound = np.zeros(2 * SAMPLE_RATE, np.float32)
    np.testing.assert_allclose(speech_frames.log_mel(sound), -80, atol=1e-3)
    sound[SAMPLE_RATE] = 1.0
    assert abs(speech_frames.log_mel(sound).sum(axis=1).argmax() / speech_frames.RATE - 1.0) < 0.05


def test_a_sound_shorter_than_one_frame_is_refused_by_the_mel_spectrogram() -> None:
    with pytest.raises(ValueError, match="at least 895 samples"):
        speech_frames.log_mel(np.zeros(800, np.float32))


def test_the_level_of_the_features_is_that_of_the_sounding_parts() -> None:
    speech = buzz(1.0, 150, amplitude=0.01)
    with_pause = np.concatenate([speech, np.zeros(3 * SAMPLE_RATE, np.float32)])
    alone, paused = speech_frames.levelled(speech), speech_frames.levelled(with_pause)
    np.testing.assert_allclose(paused[:SAMPLE_RATE], alone, atol=0.01)
    assert np.abs(speech_frames.levelled(buzz(1.0, 150, amplitude=30.0))).max() <= 1.0
