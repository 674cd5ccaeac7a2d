"""BERT-base-uncased: the published checkpoint's layout, one vector or one row per token, cleaned text."""

import hashlib
import re

import numpy as np
import pytest
import torch
from encoders.published import as_transformers_says, publish

from mmer_core.clip import Absent, Clip
from mmer_core.encoders.bert import TINY, BertEncoder, without_specials
from mmer_core.encoders.wordpiece import bert_tokenizer


def say(text):
    return Clip("typed", "0" * 64, "text", text=text)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small BERT as transformers computes it, and its checkpoint as the published one is laid out, in
    MMER_MODELS.
    """
    from transformers import BertConfig, BertModel

    torch.manual_seed(3)
    model = BertModel(BertConfig(**as_transformers_says(TINY)), add_pooling_layer=False).eval()
    old = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    tensors = {
        "bert." + re.sub(r"LayerNorm\.\w+", lambda found: old[found[0]], name): tensor
        for name, tensor in model.state_dict().items()
    }
    tensors |= {"cls.predictions.bias": torch.zeros(5), "bert.pooler.dense.weight": torch.zeros(2, 2)}
    publish(tensors, tmp_path, monkeypatch, BertEncoder)
    return model


def test_the_published_checkpoint_gives_what_transformers_computes(published):
    tokenizer = bert_tokenizer()
    tokenizer.no_padding()
    tokens = torch.tensor([tokenizer.encode("i am so happy today").ids])
    with torch.inference_mode():
        states = published(input_ids=tokens).last_hidden_state[0].numpy()
    np.testing.assert_allclose(BertEncoder().encode(say("I am so HAPPY today"))[0], states.mean(0), atol=1e-5)
    np.testing.assert_allclose(
        BertEncoder(pooling="cls").encode(say("I am so happy today"))[0], states[0], atol=1e-5
    )
    np.testing.assert_allclose(
        BertEncoder(sequence=True).encode(say("I am so happy today")), states[:-1], atol=1e-5
    )


def test_its_spec_names_the_weights(published):
    spec = BertEncoder().spec
    assert BertEncoder.weights.sha256 in spec.revision
    assert spec.source == "google-bert/bert-base-uncased"


def test_the_packaged_tokenizer_has_exactly_the_published_vocabulary():
    """vocab.txt of bert-base-uncased is known by this sha256."""
    words = sorted(bert_tokenizer().get_vocab().items(), key=lambda item: item[1])
    content = "".join(f"{word}\n" for word, _ in words)
    assert (
        hashlib.sha256(content.encode()).hexdigest()
        == "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
    )


def test_a_long_text_has_one_vector_per_window_and_one_row_per_token():
    text = "never again " * 200
    assert BertEncoder(random_init=0).encode(say(text)).shape == (2, TINY.width)
    assert BertEncoder(random_init=0, sequence=True).encode(say(text)).shape == (400 + 2, TINY.width)


def test_plain_text_has_only_letters_digits_and_spaces():
    assert without_specials("Well... I'm\n  FINE! (really) é 2") == "well im fine really 2"
    plain = BertEncoder(random_init=0, plain=True)
    np.testing.assert_array_equal(plain.encode(say("Oh, no!!")), plain.encode(say("oh no")))
    with pytest.raises(Absent, match="no words are left"):
        plain.encode(say("...!?"))
