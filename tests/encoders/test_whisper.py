"""Whisper's encoder: its rows in time."""

import pytest

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders.whisper import WhisperEncoder


def sound(waveform):
    return Clip("a", "0" * 64, "audio", len(waveform) / SAMPLE_RATE, waveform=waveform)


@pytest.mark.parametrize(("seconds", "rows"), [(0.3, 15), (1.0, 50), (31.0, 1550)])
def test_one_row_per_20_milliseconds_of_sound(seconds, rows, voice):
    assert WhisperEncoder(random_init=0).encode(sound(voice(seconds))).shape == (rows, 32)
