"""Statistics of classic descriptors, on tones."""

import numpy as np
import pytest

from mmer_core import encoders
from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import librosa_stats


def sound(waveform):
    return Clip("a", "0" * 64, "audio", len(waveform) / SAMPLE_RATE, waveform=waveform)


def tone(hertz, seconds=1.0):
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


def test_a_tone_has_its_crossings_and_centroid():
    row = dict(
        zip(
            librosa_stats.COLUMNS,
            encoders.create("librosa_stats").encode(sound(tone(1000)))[0],
            strict=True,
        )
    )
    assert row["zero_crossing_rate_max"] == pytest.approx(2 * 1000 / SAMPLE_RATE, abs=0.002)
    assert row["spectral_centroid_mean"] == pytest.approx(1000, abs=60)
    for descriptor in librosa_stats.DESCRIPTORS:
        assert row[f"{descriptor}_min"] <= row[f"{descriptor}_mean"] <= row[f"{descriptor}_max"]
        assert row[f"{descriptor}_sd"] >= 0


def test_it_has_88_columns():
    assert len(set(librosa_stats.COLUMNS)) == 22 * 4 == 88
