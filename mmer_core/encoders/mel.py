"""Mel spectrograms with the settings that a system or a pretrained network prescribes."""

from __future__ import annotations

from functools import cache

import numpy as np

from mmer_core.clip import SAMPLE_RATE


def spectra(waveform: np.ndarray, window: int, hop: int, fft: int) -> np.ndarray:
    """Magnitudes of the short-time Fourier transform; a waveform shorter than one window is filled up with silence.

    Args:
        waveform: (N,) float32 at 16 kHz.
        window: samples of the (periodic Hann) window.
        hop: samples from one window to the next.
        fft: points of the transform, at least `window`.

    Returns:
        (T, fft / 2 + 1) float32, T = 1 + (N - window) // hop; what does not fill a window at the end is left out.
    """
    waveform = np.pad(waveform, (0, max(0, window - len(waveform))))
    frames = np.lib.stride_tricks.sliding_window_view(waveform, window)[::hop]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)).astype(np.float32)
    return np.abs(np.fft.rfft(frames * hann, fft, axis=1)).astype(np.float32)


@cache
def mel_filters(bands: int, low: float, high: float, fft: int) -> np.ndarray:
    """(fft / 2 + 1, bands) float32 triangles of height 1, evenly spaced and straight on the mel scale of HTK, from `low` to `high` Hz.

    The constant part (0 Hz) belongs to no band. These are the filters of AudioSet's networks (Hershey et al. 2017).
    """
    hertz = np.fft.rfftfreq(fft, 1 / SAMPLE_RATE)
    edges = np.linspace(_mel(low), _mel(high), bands + 2)
    mel = _mel(hertz)[:, None]
    rising = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    filters = np.minimum(rising, falling).clip(0.0)
    filters[0] = 0.0
    return filters.astype(np.float32)


def _mel(hertz: np.ndarray | float) -> np.ndarray:
    return np.asarray(1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0))
