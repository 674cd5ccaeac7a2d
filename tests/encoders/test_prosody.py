"""Pitch and prosody, on sounds whose pitch is known."""

from __future__ import annotations

import numpy as np
import pytest

from mmer_core.clip import SAMPLE_RATE
from mmer_core.encoders.backends import speech_frames
from mmer_core.encoders.backends.prosody import PROSODY, pitch, prosody


def buzz(seconds: float, hertz: float | np.ndarray, amplitude: float = 0.1) -> np.ndarray:
    """A voice-like sound: twelve harmonics that fall off."""
    samples = int(seconds * SAMPLE_RATE)
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(hertz, samples)) / SAMPLE_RATE
    return (amplitude * sum(np.sin(k * phase) / k for k in range(1, 13))).astype(np.float32)


def noise(seconds: float, amplitude: float = 0.1, seed: int = 0) -> np.ndarray:
    return (amplitude * np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))).astype(
        np.float32
    )


@pytest.mark.parametrize("hertz", [70, 110, 220, 440, 580])
def test_the_pitch_of_a_steady_voice(hertz: int) -> None:
    found, voicing = pitch(buzz(1.0, hertz), speech_frames.frame_centres(40))
    np.testing.assert_allclose(found[3:-3], hertz, rtol=0.01)
    assert (voicing[3:-3] > 0.9).all()


def test_the_pitch_follows_a_glide() -> None:
    glide = np.linspace(120, 360, 2 * SAMPLE_RATE)
    centres = speech_frames.frame_centres(speech_frames.frame_count(2 * SAMPLE_RATE))
    found, _ = pitch(buzz(2.0, glide), centres)
    np.testing.assert_allclose(found[3:-3], glide[centres][3:-3], rtol=0.04)


def test_noise_and_silence_are_not_voiced() -> None:
    centres = speech_frames.frame_centres(40)
    assert np.median(pitch(noise(1.0), centres)[1]) < 0.4
    found, voicing = pitch(np.zeros(SAMPLE_RATE, np.float32), centres)
    assert np.isfinite(found).all()
    assert (voicing == 0).all()


def test_prosody_tells_a_dull_voice_from_a_hiss() -> None:
    centres = speech_frames.frame_centres(40)
    voice, hiss = (
        dict(zip(PROSODY, prosody(s, centres)[5:-5].mean(axis=0), strict=True))
        for s in (buzz(1.0, 120), noise(1.0))
    )
    assert voice["pitch"] == pytest.approx(np.log2(1.2), abs=0.02)
    assert voice["voicing"] > hiss["voicing"]
    assert voice["zero_crossings"] < hiss["zero_crossings"]
    assert voice["centroid"] < hiss["centroid"]
    assert voice["flatness"] < hiss["flatness"] - 10
    assert voice["alpha_ratio"] > 5 > hiss["alpha_ratio"]
    assert voice["hammarberg"] > hiss["hammarberg"]
    assert voice["h1_h2"] == pytest.approx(20 * np.log10(2), abs=1.5)
    assert hiss["level"] == pytest.approx(-20, abs=0.5)
