"""The option augment, on an encoder that only passes on what it is given."""

import numpy as np
import pytest

from mmer_core.clip import Absent, Clip
from mmer_core.encoders.augmented import AugmentedEncoder
from mmer_core.encoders.base import EncoderSpec, ModalityEncoder
from mmer_core.encoders.request import EncoderRequest
from mmer_core.labels import Modality


class Waveform:
    """Gives the waveform itself, 100 samples to a frame."""

    spec = EncoderSpec("waveform", Modality.AUDIO, 100, "this test", "1", "MIT", "Nothing.")

    def encode(self, clip):
        if clip.waveform is None:
            raise Absent("no sound")
        n = len(clip.waveform) // 100 * 100
        return clip.waveform[:n].reshape(-1, 100)


def clip(digest="d"):
    return Clip("a", digest, "audio", 0.5, waveform=np.sin(np.arange(8000) / 10).astype(np.float32))


def test_each_view_is_another_copy_and_repeats():
    plain, one, again, two = (
        e.encode(clip()) for e in (Waveform(), *(AugmentedEncoder(Waveform(), view) for view in (1, 1, 2)))
    )
    assert np.array_equal(one, again)
    assert one.shape != two.shape or not np.array_equal(one, two)
    assert one.shape != plain.shape or not np.array_equal(one, plain)


def test_views_are_kept_apart_in_the_store():
    encoders = [Waveform(), AugmentedEncoder(Waveform(), 1), AugmentedEncoder(Waveform(), 2)]
    assert all(isinstance(encoder, ModalityEncoder) for encoder in encoders)
    assert len({encoder.spec.fingerprint for encoder in encoders}) == 3
    assert "changed at random (view 1; stretch 0.1" in encoders[1].spec.preprocessing


def test_what_is_absent_stays_absent():
    with pytest.raises(Absent, match="no sound"):
        AugmentedEncoder(Waveform(), 1).encode(Clip("t", "d", "text", text="hello"))


def test_it_is_asked_for_by_an_option_of_any_encoder():
    encoder = EncoderRequest.parse("lld:augment=2").create()
    assert isinstance(encoder, AugmentedEncoder)
    assert encoder.view == 2
    assert encoder.encode(clip()).shape[1] == encoder.spec.dim
    with pytest.raises(
        ValueError, match="the option augment of the encoder lld is a whole number, not 'much'"
    ):
        EncoderRequest.parse("lld:augment=much").create()
