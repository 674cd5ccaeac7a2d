"""Kaldi's filter banks, which the embedding network reads: log energies of 80 mel bands."""

from __future__ import annotations

from functools import cache

import numpy as np

from mmer_core.clip import SAMPLE_RATE

BANDS = 80
WINDOW, HOP, FFT = 400, 160, 512  # samples
_LOW, _HIGH = 20.0, SAMPLE_RATE / 2  # Hz
_PREEMPHASIS = 0.97
_FLOOR = float(np.finfo(np.float32).eps)  # the least energy


def filter_bank(waveforms: np.ndarray) -> np.ndarray:
    """(B, T, 80) float32, each band with its mean over time taken off, from (B, N) float32 at 16 kHz;
    T = 1 + (N - 400) // 160.
    """
    frames = np.lib.stride_tricks.sliding_window_view(waveforms, WINDOW, axis=1)[:, ::HOP]
    frames = frames - frames.mean(axis=2, keepdims=True)
    before = np.concatenate([frames[..., :1], frames[..., :-1]], axis=2)
    spectrum = np.fft.rfft((frames - _PREEMPHASIS * before) * _window(), FFT, axis=2)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    energies = np.log(np.maximum(power @ _filters(), _FLOOR))
    return energies - energies.mean(axis=1, keepdims=True)


@cache
def _window() -> np.ndarray:
    """Povey's window, a Hann window raised to .85."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / (WINDOW - 1))
    return (hann**0.85).astype(np.float32)


@cache
def _filters() -> np.ndarray:
    """(257, 80) float32: triangles that are straight on the mel scale, of height 1."""
    mel = _mel(np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE))[:, None]
    edges = np.linspace(_mel(np.array(_LOW)), _mel(np.array(_HIGH)), BANDS + 2)
    rising = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    return np.minimum(rising, falling).clip(0.0).astype(np.float32)


def _mel(hertz: np.ndarray) -> np.ndarray:
    return 1127.0 * np.log1p(hertz / 700.0)
