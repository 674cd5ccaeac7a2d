"""The mel front end, beside the libraries that it stands in for."""

import numpy as np
import pytest

from mmer_core.clip import SAMPLE_RATE
from mmer_core.encoders.backends.mel import mel_filters, spectra


def tone(hertz, seconds=1.0):
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


@pytest.mark.parametrize(("bands", "low", "high", "fft"), [(64, 50.0, 7600.0, 1024), (40, 0.0, 8000.0, 2048)])
def test_filters_straight_in_hertz_are_those_of_librosa(bands, low, high, fft):
    from librosa.filters import mel

    theirs = mel(sr=SAMPLE_RATE, n_fft=fft, n_mels=bands, fmin=low, fmax=high, htk=True, norm=1).T
    np.testing.assert_allclose(mel_filters(bands, low, high, fft, straight_on="hertz"), theirs, atol=1e-7)


def test_filters_straight_in_mel_are_those_of_transformers():
    from transformers.audio_utils import mel_filter_bank

    theirs = mel_filter_bank(
        257, 64, 125.0, 7500.0, SAMPLE_RATE, mel_scale="kaldi", triangularize_in_mel_space=True
    )
    np.testing.assert_allclose(mel_filters(64, 125.0, 7500.0, 512, straight_on="mel"), theirs, atol=1e-7)


def test_a_tone_lies_in_the_band_around_it():
    edges = 700 * (np.exp(np.linspace(*(1127 * np.log(1 + np.array([125, 7500]) / 700)), 66) / 1127) - 1)
    for band in (10, 30, 60):
        mel = spectra(tone(edges[band + 1]), 400, 160, 512) @ mel_filters(
            64, 125.0, 7500.0, 512, straight_on="mel"
        )
        assert (mel.argmax(axis=1) == band).all()


def test_bands_are_triangles_of_height_one_without_the_constant():
    filters = mel_filters(40, 0.0, 8000.0, 1024, straight_on="mel")
    assert filters.shape == (513, 40)
    assert filters.min() == 0
    assert filters.max() <= 1
    assert filters[:, 20:].max(axis=0).min() > 0.8
    assert not filters[0].any()
    hertz = np.fft.rfftfreq(1024, 1 / 16000)
    inside = filters[(hertz > 100) & (hertz < 7000)]
    np.testing.assert_allclose(inside.sum(axis=1), 1, atol=1e-5)  # neighbours share what lies between them


@pytest.mark.parametrize(("samples", "frames"), [(100, 1), (400, 1), (559, 1), (560, 2), (16_000, 98)])
def test_number_of_frames(samples, frames):
    assert spectra(np.ones(samples, np.float32), 400, 160, 512).shape == (frames, 257)
