"""Prosody: pitch, loudness and voice quality for each frame of a waveform, in vectorised numpy.

The pitch tracker stays hand-made: 3.5 s of speech take it 6 ms. librosa's pyin takes 230 ms, and before that
3.2 s to compile at its first call and 1.6 s to import; its yin is as fast, but follows no path through the
candidates and gives no voicing.
"""

from __future__ import annotations

import numpy as np

from mmer_core.clip import SAMPLE_RATE

#: Columns of `prosody`.
PROSODY: tuple[str, ...] = (
    "level",
    "pitch",
    "voicing",
    "zero_crossings",
    "centroid",
    "flatness",
    "alpha_ratio",
    "hammarberg",
    "h1_h2",
    "flux",
)

LOWEST_PITCH, HIGHEST_PITCH = 60.0, 600.0  # Hz
_WINDOW = 1024  # samples, 64 ms: nearly four periods of the lowest pitch
_FFT = 2048
_CANDIDATES = 6
_HIGHEST_HARMONIC = 2000.0  # Hz; what lies above makes peaks too sharp for the sampling
_OCTAVE_COST = 0.02  # per octave below the highest pitch; keeps sub-harmonics from winning
_JUMP_COST = 0.25  # per octave between neighbouring frames
_FLOOR = 1e-10


def frames_at(waveform: np.ndarray, centres: np.ndarray, width: int) -> np.ndarray:
    """(T, width) stretches of a waveform around `centres` (samples), zeros beyond its ends."""
    starts = centres.astype(np.int64) - width // 2
    before = max(0, -int(starts.min()))
    after = max(0, int(starts.max()) + width - len(waveform))
    padded = np.pad(waveform, (before, after))
    return np.lib.stride_tricks.sliding_window_view(padded, width)[starts + before]


def pitch(waveform: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fundamental frequency by autocorrelation, smoothed by the cheapest path through the candidates (Boersma
    1993, without an unvoiced state).

    Args:
        waveform: (N,) float32 at 16 kHz.
        centres: (T,) middle of each frame in samples.

    Returns:
        (T,) float32 Hz in [60, 600], and (T,) float32 voicing in [0, 1], the height of the autocorrelation
        there. Where voicing is low (under about .5) the pitch means nothing.
    """
    correlation = _autocorrelation(frames_at(waveform, centres, _WINDOW))
    lags, heights = _candidates(correlation)
    chosen = _cheapest_path(lags, heights - _octave_cost(lags))
    rows = np.arange(len(lags))
    return (SAMPLE_RATE / lags[rows, chosen]).astype(np.float32), heights[rows, chosen].clip(0.0, 1.0).astype(
        np.float32
    )


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """(T, L) float64 autocorrelation of windowed frames below 2 kHz, divided by the window's own; 1 at lag 0,
    about 0 for silence.
    """
    window = np.hanning(frames.shape[1])
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window
    power = np.abs(np.fft.rfft(frames, _FFT, axis=1)) ** 2
    power[:, int(_HIGHEST_HARMONIC * _FFT / SAMPLE_RATE) :] = 0.0
    own = np.fft.irfft(np.abs(np.fft.rfft(window, _FFT)) ** 2)
    longest = int(SAMPLE_RATE / LOWEST_PITCH) + 2
    correlation = np.fft.irfft(power, axis=1)[:, :longest]
    return correlation / (correlation[:, :1] + _FLOOR) / (own[:longest] / own[0])


def _octave_cost(lags: np.ndarray) -> np.ndarray:
    return _OCTAVE_COST * np.log2(lags * (HIGHEST_PITCH / SAMPLE_RATE))


def _candidates(correlation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best peaks of each frame: (T, K) lags in samples, refined by a parabola, and their heights; height
    -1 where there are fewer.
    """
    shortest = int(SAMPLE_RATE / HIGHEST_PITCH)
    left, here, right = (
        correlation[:, shortest - 1 : -2],
        correlation[:, shortest:-1],
        correlation[:, shortest + 1 :],
    )
    heights = np.where((here > left) & (here >= right), here, -1.0)
    cost = _octave_cost(np.arange(shortest, shortest + heights.shape[1]))
    best = np.argpartition(cost - heights, _CANDIDATES, axis=1)[:, :_CANDIDATES]
    rows = np.arange(len(correlation))[:, None]
    before, peak, after = left[rows, best], here[rows, best], right[rows, best]
    bend = before - 2 * peak + after
    shift = np.where(
        np.abs(bend) > _FLOOR, 0.5 * (before - after) / np.where(np.abs(bend) > _FLOOR, bend, 1.0), 0.0
    ).clip(-0.5, 0.5)
    real = heights[rows, best] > -1.0
    lags = np.where(real, best + shortest + shift, SAMPLE_RATE / 150.0)
    return lags.clip(SAMPLE_RATE / HIGHEST_PITCH, SAMPLE_RATE / LOWEST_PITCH), np.where(
        real, peak - 0.25 * (before - after) * shift, -1.0
    )


def _cheapest_path(lags: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(T,) index of the candidate in each frame on the path with the best sum of scores minus jumps
    (Viterbi).
    """
    octaves = np.log2(lags)
    count, width = lags.shape
    back = np.zeros((count, width), dtype=np.int64)
    total = scores[0]
    for t in range(1, count):
        reach = total[None, :] - _JUMP_COST * np.abs(octaves[t][:, None] - octaves[t - 1][None, :])
        back[t] = reach.argmax(axis=1)
        total = scores[t] + reach.max(axis=1)
    path = np.zeros(count, dtype=np.int64)
    path[-1] = int(total.argmax())
    for t in range(count - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path


def prosody(waveform: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Prosody and voice quality of each frame.

    Args:
        waveform: (N,) float32 at 16 kHz, brought to a common level (see `speech_frames.levelled`).
        centres: (T,) middle of each frame in samples.

    Returns:
        (T, 10) float32, columns as in `PROSODY`: level in dB; pitch in octaves above 100 Hz; voicing in [0,
        1]; share of samples where the sign changes; spectral centroid in octaves above 1 kHz; spectral
        flatness in dB; alpha ratio (50–1000 Hz against 1–5 kHz) and Hammarberg index (strongest below 2 kHz
        against 2–5 kHz) in dB as in eGeMAPS (Eyben et al. 2016); first against second harmonic in dB;
        spectral flux, the mean rise in dB since the frame before.
    """
    frames = frames_at(waveform, centres, _WINDOW)
    power = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW).astype(np.float32), axis=1)) ** 2 + _FLOOR
    hertz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    decibel = 10 * np.log10(power)
    low, high = (hertz >= 50) & (hertz < 1000), (hertz >= 1000) & (hertz < 5000)
    below, above = hertz < 2000, (hertz >= 2000) & (hertz < 5000)
    fundamental, voicing = pitch(waveform, centres)
    columns = {
        "level": 10 * np.log10(np.square(frames).mean(axis=1) + 1e-8),
        "pitch": np.log2(fundamental / 100.0),
        "voicing": voicing,
        "zero_crossings": (np.signbit(frames[:, 1:]) != np.signbit(frames[:, :-1])).mean(axis=1),
        "centroid": np.log2(((power * hertz).sum(axis=1) / power.sum(axis=1)).clip(20.0) / 1000.0),
        "flatness": decibel.mean(axis=1) - 10 * np.log10(power.mean(axis=1)),
        "alpha_ratio": 10 * np.log10(power[:, low].sum(axis=1) / power[:, high].sum(axis=1)),
        "hammarberg": decibel[:, below].max(axis=1) - decibel[:, above].max(axis=1),
        "h1_h2": _harmonic(decibel, fundamental) - _harmonic(decibel, 2 * fundamental),
        "flux": np.diff(decibel, axis=0, prepend=decibel[:1]).clip(0.0, 30.0).mean(axis=1),
    }
    return np.stack([columns[name] for name in PROSODY], axis=1).astype(np.float32)


def _harmonic(decibel: np.ndarray, hertz: np.ndarray) -> np.ndarray:
    """(T,) the strongest of three bins around a frequency."""
    bins = np.rint(hertz * (_WINDOW / SAMPLE_RATE)).astype(np.int64)
    rows = np.arange(len(decibel))
    return np.maximum.reduce([decibel[rows, bins + k] for k in (-1, 0, 1)])
