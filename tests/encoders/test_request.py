"""Asking for an encoder with options on a command line."""

import pytest

from mmer_core.encoders.request import EncoderRequest


def test_a_request_is_its_text():
    request = EncoderRequest.parse(" bert:random-init=3 :sequence")
    assert request == EncoderRequest("bert", (("random_init", "3"), ("sequence", "yes")))
    assert str(request) == "bert:random_init=3:sequence=yes"
    assert EncoderRequest.parse(str(request)) == request
    assert str(EncoderRequest.parse("minilm")) == "minilm"


def test_options_get_the_types_that_the_encoder_wants():
    encoder = EncoderRequest.parse("bert:random_init=3:sequence=yes:pooling=cls").create()
    assert encoder.sequence is True
    assert encoder.pooling == "cls"
    assert encoder.spec.revision == "random-3"
    assert EncoderRequest.parse("mel_cnn:seconds=1.5").create().seconds == 1.5


def test_threads_are_a_matter_of_the_machine_and_do_not_change_the_fingerprint():
    one, many = (EncoderRequest.parse("voice_frames").create(threads=n) for n in (1, 2))
    assert one.spec.fingerprint == many.spec.fingerprint
    assert EncoderRequest.parse("dialogue").create(threads=1).spec.name == "dialogue"


def test_the_device_is_given_to_encoders_that_have_one():
    assert EncoderRequest.parse("bert:random_init=0").create(device="cpu").device.type == "cpu"
    with pytest.raises(ValueError, match="unknown device 'tpu'"):
        EncoderRequest.parse("bert:random_init=0").create(device="tpu")
    assert EncoderRequest.parse("dialogue").create(device="cuda").spec.name == "dialogue"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("berd", "unknown encoder 'berd'"),
        ("", "unknown encoder ''"),
        (
            "bert:layers=2",
            "the encoder bert has no option 'layers': known are sequence, pooling, plain, "
            "random_init, device",
        ),
        ("dialogue:x=1", "the encoder dialogue has no option 'x': known are none"),
        ("bert:sequence=perhaps", "the option sequence of the encoder bert is yes or no, not 'perhaps'"),
        (
            "bert:pooling=max",
            "the option pooling of the encoder bert cannot be 'max': choose one of mean, cls",
        ),
        ("bert:random_init=x", "the option random_init of the encoder bert is a whole number, not 'x'"),
        ("mel_cnn:seconds=long", "the option seconds of the encoder mel_cnn is a number, not 'long'"),
    ],
)
def test_a_wrong_request_is_one_sentence(text, message):
    with pytest.raises(ValueError, match="^" + message.replace("?", r"\?")):
        EncoderRequest.parse(text).create()
