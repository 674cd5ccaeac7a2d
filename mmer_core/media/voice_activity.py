"""Level of a recording, and the stretches of it in which somebody speaks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mmer_core.clip import SAMPLE_RATE

SILENT_LEVEL = -65.0  # dBFS: the loudest tenth of a second of a recording that counts as silent
SPEECH_LEVEL = -20.0  # dBFS: quiet recordings are raised to this
MAX_GAIN = 40.0  # dB
SHORTEST_VOICE = 0.3  # seconds; clicks and breaths are shorter than any word that matters
LONGEST_PAUSE = 1.0  # seconds between two stretches that are still transcribed together
LONGEST_STRETCH = 24.0  # seconds; the recogniser was trained on up to 30
# seconds of sound kept at least on both sides of a stretch, since the detector notices voices late
MARGIN = 0.1
# seconds; stretches begin and end on this grid, so that a wobble of the detector does not change the words
GRID = 0.5
QUIET = 25.0  # dB below the loudest hundredth of a second in a voice: there it has not begun, or is over
REACH = 0.3  # seconds around the detector's stretches in which a voice may begin or end
AROUND = 0.25  # seconds kept on both sides of a voice
_AT_ONCE = 600 * SAMPLE_RATE  # samples, ten minutes


def loudest(waveform: np.ndarray) -> float:
    """Level of the loudest tenth of a second in dBFS; -inf for silence and for less than that."""
    power = float(block_power(waveform, SAMPLE_RATE // 10).max(initial=0.0))
    return 10 * np.log10(power) if power > 0 else -np.inf


def block_power(waveform: np.ndarray, size: int) -> np.ndarray:
    """(N // size,) float64: mean square of each block of `size` samples of (N,); the rest is left out."""
    blocks = waveform[: len(waveform) // size * size].reshape(-1, size)
    step = max(1, _AT_ONCE // size)  # the squares of a whole recording would fill the memory
    parts = [
        np.square(blocks[i : i + step], dtype=np.float64).mean(axis=1) for i in range(0, len(blocks), step)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First position and the one after the last of each run of true ones in (N,) bool."""
    edges = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True)]


def raise_level(waveform: np.ndarray) -> np.ndarray:
    """The waveform with its loudest tenth of a second at least at `SPEECH_LEVEL`, raised by at most
    `MAX_GAIN`, clipped to [-1, 1].
    """
    gain = float(np.clip(SPEECH_LEVEL - loudest(waveform), 0.0, MAX_GAIN))
    return np.clip(waveform * 10 ** (gain / 20), -1.0, 1.0).astype(np.float32)


def stretches(voices: Sequence[tuple[float, float]], duration: float) -> list[tuple[float, float]]:
    """Join the detector's pieces over pauses of up to `LONGEST_PAUSE` to stretches of up to
    `LONGEST_STRETCH`, with a margin.

    Args:
        voices: (start, end) in seconds, in order of time; they may overlap a little.
        duration: of the recording, seconds.
    """
    joined: list[list[float]] = []
    for start, end in voices:
        if joined and start - joined[-1][1] <= LONGEST_PAUSE and end - joined[-1][0] <= LONGEST_STRETCH:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([start, end])
    kept = [(a, b) for a, b in joined if b - a >= SHORTEST_VOICE]
    edges = [
        (
            max(0.0, GRID * math.floor((a - MARGIN) / GRID)),
            min(duration, GRID * math.ceil((b + MARGIN) / GRID)),
        )
        for a, b in kept
    ]
    # neighbours share the pause between them
    for i in range(1, len(edges)):
        if edges[i - 1][1] > edges[i][0]:
            middle = (kept[i - 1][1] + kept[i][0]) / 2
            edges[i - 1], edges[i] = (edges[i - 1][0], middle), (middle, edges[i][1])
    return edges


def spoken_part(waveform: np.ndarray, voices: Sequence[tuple[float, float]]) -> tuple[int, int]:
    """From where to where somebody is heard, with `AROUND` seconds on both sides, in samples; it may reach
    beyond the ends of the recording.

    The detector says where to look, the level there where the voice begins and ends: the detector alone is up
    to a tenth of a second off, and differently so after silence. Where it found nothing (a cry, a laugh), the
    level alone decides.

    Args:
        waveform: (N,) float32 at 16 kHz.
        voices: (start, end) of the stretches of speech in seconds.
    """
    size = SAMPLE_RATE // 100
    power = block_power(waveform, size)
    if voices:
        near = np.zeros(len(power), dtype=bool)
        for start, end in voices:
            near[max(0, int((start - REACH) * 100)) : int((end + REACH) * 100)] = True
        power = np.where(near, power, 0.0)
    if not len(power) or power.max() == 0:
        return 0, len(waveform)
    heard = np.flatnonzero(power >= power.max() * 10 ** (-QUIET / 10))
    around = int(AROUND * SAMPLE_RATE)
    return int(heard[0]) * size - around, int(heard[-1] + 1) * size + around


def cut(waveform: np.ndarray, part: tuple[int, int]) -> np.ndarray:
    """The samples from one to another, silent where they lie outside the recording."""
    start, end = part
    return np.pad(waveform[max(start, 0) : max(end, 0)], (max(-start, 0), max(end - len(waveform), 0)))
