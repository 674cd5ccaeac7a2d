"""The mel spectrogram of the first seconds."""

import numpy as np
import pytest

from mmer_core import encoders
from mmer_core.clip import SAMPLE_RATE, Clip


def sound(waveform):
    return Clip("a", "0" * 64, "audio", len(waveform) / SAMPLE_RATE, waveform=waveform)


def tone(hertz, seconds=1.0):
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


@pytest.mark.parametrize(("seconds", "rows"), [(0.3, 8), (3.0, 92), (9.0, 92)])
def test_the_first_three_seconds(seconds, rows, voice):
    features = encoders.create("mel_cnn").encode(sound(voice(seconds)))
    assert features.shape == (rows, 40)
    np.testing.assert_array_equal(
        features, encoders.create("mel_cnn").encode(sound(voice(min(seconds, 3.0))))
    )


def test_all_of_the_sound_if_asked(voice):
    assert len(encoders.create("mel_cnn", seconds=0).encode(sound(voice(9.0)))) == 280


def test_ten_times_the_amplitude_is_20_db():
    quiet, loud = (encoders.create("mel_cnn").encode(sound(gain * tone(1000))) for gain in (0.1, 1))
    assert loud.max() - quiet.max() == pytest.approx(20, abs=0.01)
    assert (loud.argmax(axis=1) == loud.argmax(axis=1)[0]).all()


def test_less_than_one_frame_is_refused():
    with pytest.raises(ValueError, match=r"mel_cnn cannot read 0\.01 s"):
        encoders.create("mel_cnn", seconds=0.01)
