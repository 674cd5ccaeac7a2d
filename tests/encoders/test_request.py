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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("berd", "unknown encoder 'berd'"),
        ("", "unknown encoder ''"),
        ("bert:layers=2", "the encoder bert has no option 'layers': known are sequence, pooling, plain, random_init"),
        ("dialogue:x=1", "the encoder dialogue has no option 'x': known are none"),
        ("bert:sequence=perhaps", "bert's option sequence is yes or no, not 'perhaps'"),
        ("bert:pooling=max", "bert's option pooling cannot be 'max': choose one of mean, cls"),
        ("bert:random_init=x", "bert's option random_init is a whole number, not 'x'"),
        ("mel_cnn:seconds=long", "mel_cnn's option seconds is a number, not 'long'"),
    ],
)
def test_a_wrong_request_is_one_sentence(text, message):
    with pytest.raises(ValueError, match="^" + message.replace("?", r"\?")):
        EncoderRequest.parse(text).create()
