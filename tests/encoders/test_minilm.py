"""MiniLM: its packaged weights, adapters on them, and text that is not English."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mmer_core import encoders
from mmer_core.clip import Clip
from mmer_core.encoders import EncoderUnavailable
from mmer_core.encoders.base import warnings_of
from mmer_core.encoders.minilm import MiniLmEncoder
from mmer_core.encoders.sentences import ADAPTER_PREFIX
from mmer_core.encoders.weights import sha256_of


def say(text: str | None) -> Clip:
    return Clip("typed", "0" * 64, "text", text=text)


@pytest.fixture(scope="module")
def minilm() -> MiniLmEncoder:
    return MiniLmEncoder()


def test_like_sentences_lie_near(minilm):
    happy, joyful, train = (
        minilm.encode(say(text))[0] for text in ("I am so happy", "what a joyful day", "the train is late")
    )
    assert happy @ joyful > 0.5
    assert happy @ train < 0.2


def test_case_does_not_matter_and_long_texts_have_windows(minilm):
    assert np.array_equal(minilm.encode(say("WHY ARE YOU HERE?")), minilm.encode(say("why are you here?")))
    assert minilm.encode(say("never again " * 200)).shape == (2, 384)
    assert minilm.encode(say("never again")).shape == (1, 384)


def test_a_delta_is_applied_and_written_into_the_spec(minilm, tmp_path):
    name = f"{ADAPTER_PREFIX}encoder.layer.5.output.dense"
    torch.manual_seed(0)
    delta = tmp_path / "text.safetensors"
    save_file(
        {
            f"{name}.up": torch.randn(384, 2),
            f"{name}.down": torch.randn(2, 1536),
            "expert.layers.1.bias": torch.zeros(7),
        },
        delta,
    )
    tuned = encoders.create("minilm", delta=delta)
    assert not np.allclose(tuned.encode(say("I am so happy")), minilm.encode(say("I am so happy")), atol=0.01)
    assert tuned.spec.fingerprint != minilm.spec.fingerprint
    assert sha256_of(delta) in tuned.spec.revision


def test_a_broken_delta_is_one_sentence(tmp_path):
    broken = tmp_path / "text.safetensors"
    broken.write_bytes(b"not tensors")
    with pytest.raises(EncoderUnavailable, match=r"text\.safetensors cannot be read"):
        MiniLmEncoder(delta=broken)


def test_it_needs_neither_transformers_nor_sentence_transformers():
    code = (
        "import sys, mmer_core.encoders.minilm as t; t.MiniLmEncoder(); print({'transformers', "
        "'sentence_transformers'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("text", "foreign"),
    [
        ("I really do not know what you want from me", False),
        ("Ich weiß wirklich nicht, was du von mir willst", True),
        ("Bonjour", True),
        (None, False),
    ],
)
def test_text_that_does_not_look_like_english_is_warned_of(minilm, text, foreign):
    assert [w[:40] for w in warnings_of(minilm, say(text))] == [
        "The words do not look like English, the "
    ] * foreign


def test_context_is_a_capability(minilm):
    assert not minilm.spec.reads_dialogue
    assert MiniLmEncoder(context=8).spec.reads_dialogue
