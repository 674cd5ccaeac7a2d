"""Stands in for the voice detector where a test's speech is made of tones."""

from __future__ import annotations

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.voice_activity import QUIET, SHORTEST_VOICE, SILENT_LEVEL, block_power, loudest, runs
from mmer_core.recordings.cutting import Span

_BLOCK = 0.05  # seconds


def loud_spans(waveform: np.ndarray) -> list[Span]:
    """(start, end) in seconds of what is no more than `QUIET` dB below the loudest tenth of a second."""
    level = loudest(waveform)
    if level <= SILENT_LEVEL:
        return []
    loud = runs(block_power(waveform, int(SAMPLE_RATE * _BLOCK)) >= 10 ** ((level - QUIET) / 10))
    spans = [(a * _BLOCK, b * _BLOCK) for a, b in loud]
    return [(a, b) for a, b in spans if b - a >= SHORTEST_VOICE]
