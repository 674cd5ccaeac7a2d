"""VGGish: its front end and its rows in time."""

import numpy as np
import pytest
import torch

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders.backends.vggish_network import VggishNetwork
from mmer_core.encoders.vggish import VggishEncoder, patches


def sound(waveform):
    return Clip("a", "0" * 64, "audio", len(waveform) / SAMPLE_RATE, waveform=waveform)


def tone(hertz, seconds=1.0):
    return (0.1 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


@pytest.mark.parametrize(("seconds", "rows"), [(0.3, 1), (0.975, 1), (1.92, 1), (1.94, 2), (10.0, 10)])
def test_one_row_for_each_whole_096_seconds(seconds, rows, voice):
    assert VggishEncoder(random_init=0).encode(sound(voice(seconds))).shape == (rows, 128)


def test_smaller_steps_overlap(voice):
    waveform = voice(2.0)
    once, twice = VggishEncoder(random_init=0), VggishEncoder(random_init=0, step=0.48)
    assert len(once.encode(sound(waveform))) == 2
    rows = twice.encode(sound(waveform))
    assert len(rows) == 3
    np.testing.assert_allclose(rows[::2], once.encode(sound(waveform)), atol=1e-5)
    assert twice.spec.rate == pytest.approx(1 / 0.48)


def test_the_front_end_is_the_published_one():
    silence = patches(np.zeros(SAMPLE_RATE, np.float32))
    np.testing.assert_allclose(silence, np.log(0.01), rtol=1e-5)
    assert patches(tone(1000)).shape == (1, 96, 64)
    assert patches(tone(1000)).dtype == np.float32


def test_the_network_has_the_published_size():
    with torch.device("meta"):
        network = VggishNetwork()
    assert sum(p.numel() for p in network.parameters()) == 72_141_184
    assert network.state_dict()["embeddings.0.weight"].shape == (4096, 512 * 6 * 4)


def test_a_step_of_nothing_is_refused():
    with pytest.raises(ValueError, match="steps of 0 s"):
        VggishEncoder(step=0, random_init=0)
