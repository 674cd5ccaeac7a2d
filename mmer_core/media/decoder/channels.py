"""The sound of a whole file judged at its end: which channel to take where their mix would spoil it, and a
constant offset.
"""

from __future__ import annotations

import numpy as np

from mmer_core.clip import SAMPLE_RATE

BLOCK = SAMPLE_RATE // 20  # samples over which loudness is measured
SILENT = 10 ** (-65 / 20)  # peak that nobody hears, 65 dB under full scale
CANCELS = 0.01  # of the louder channel's energy; a mix with less has lost it
STEADY = 2.0  # loud to quiet blocks: hum changes less, voices, which pause, more
FAINT = 0.25  # of the other channel's loudness
OFFSET = 1e-4  # a smaller constant is left alone


def better_channel(channels: np.ndarray, mix: np.ndarray) -> int | None:
    """The channel to take in place of the mix, or None where the mix is right.

    One is taken where the mix cancels what is in the channels (they are out of phase), and of two channels
    where the other holds nothing but silence, an offset or a faint steady hum.

    Args:
        channels: (C, N) float32.
        mix: (N,) float32.
    """
    centred = channels - channels.mean(axis=1, keepdims=True)
    energy = np.square(centred).mean(axis=1)
    loudest = int(energy.argmax())
    if float(mix.var()) < CANCELS * energy[loudest]:
        return loudest
    if len(channels) != 2:
        return None
    other = 1 - loudest
    peak, quiet = loudness(centred[other])
    reference, _ = loudness(centred[loudest])
    hum = peak < FAINT * reference and peak < STEADY * quiet
    return loudest if reference > SILENT and (peak < SILENT or hum) else None


def loudness(samples: np.ndarray) -> tuple[float, float]:
    """Root mean square of the loud blocks (95 % are quieter) and of the quiet ones (20 %) of (N,) samples."""
    whole = len(samples) // BLOCK * BLOCK
    blocks = samples[:whole].reshape(-1, BLOCK) if whole else samples[None]
    # Sorted, as np.percentile imports a part of numpy on its first call, which the decoding process cannot.
    levels = np.sort(np.sqrt(np.square(blocks).mean(axis=1)))
    return float(levels[int(0.95 * (len(levels) - 1))]), float(levels[int(0.2 * (len(levels) - 1))])


def without_offset(samples: np.ndarray, gaps: list[tuple[int, int]]) -> np.ndarray:
    """(N,) float32 whose mean is 0, but for gaps (start, end) that were filled with silence."""
    sounding = np.ones(len(samples), bool)
    for start, end in gaps:
        sounding[start:end] = False
    if not sounding.any():
        return samples
    offset = float(samples[sounding].mean(dtype=np.float64))
    if abs(offset) <= OFFSET:
        return samples
    return np.where(sounding, samples - np.float32(offset), samples).clip(-1.0, 1.0).astype(np.float32)
