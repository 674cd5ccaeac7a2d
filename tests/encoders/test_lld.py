"""Low-level descriptors as a sequence."""

import numpy as np
import pytest

from mmer_core import encoders
from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import lld
from mmer_core.encoders.backends.prosody import PROSODY


def sound(waveform):
    return Clip("a", "0" * 64, "audio", len(waveform) / SAMPLE_RATE, waveform=waveform)


def test_pitch_mel_and_cepstrum_share_their_frames(voice):
    features = encoders.create("lld").encode(sound(voice(1.0, 200)))
    assert features.shape[1] == len(PROSODY) + lld.COEFFICIENTS + lld.MELS == 94
    assert np.median(features[:, PROSODY.index("pitch")]) == pytest.approx(
        1.0, abs=0.02
    )  # an octave above 100 Hz
    mel, first = features[:, -lld.MELS :], features[:, len(PROSODY)]
    np.testing.assert_allclose(first, mel.sum(axis=1) / np.sqrt(lld.MELS), rtol=1e-4)
