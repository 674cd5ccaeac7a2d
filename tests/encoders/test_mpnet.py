"""MPNet: the published checkpoint's layout, its tokens, and adapters on it."""

import pytest
import torch
from encoders.published import as_transformers_says, publish
from safetensors.torch import save_file

from mmer_core.clip import Clip
from mmer_core.encoders.backends.bert_network import adapters, add_adapters, distance_buckets, pool
from mmer_core.encoders.mpnet import TINY, MpnetEncoder, mpnet_tokenizer
from mmer_core.encoders.wordpiece import bert_tokenizer


def say(text, before=()):
    clip = Clip("typed", "0" * 64, "text", text=text)
    return clip.after(before) if before else clip


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small MPNet as transformers computes it, and its checkpoint as the published one is laid out, in
    MMER_MODELS.
    """
    from transformers import MPNetConfig, MPNetModel

    config = MPNetConfig(
        **as_transformers_says(TINY),
        layer_norm_eps=TINY.epsilon,
        relative_attention_num_buckets=TINY.distances,
    )
    torch.manual_seed(3)
    model = MPNetModel(config).eval()
    with torch.no_grad():
        # as published it is far from the zeros that it begins with
        model.encoder.relative_attention_bias.weight.normal_()
    publish(model.state_dict(), tmp_path, monkeypatch, MpnetEncoder)
    return model


@pytest.mark.parametrize("text", ["I am so HAPPY today", "word " * 200])
def test_the_published_checkpoint_gives_what_transformers_computes(published, text):
    ids = mpnet_tokenizer().encode(text).ids
    with torch.inference_mode():
        states = published(
            input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.int64)
        ).last_hidden_state
        expected = pool(states, torch.ones(1, len(ids), dtype=torch.bool))
    assert torch.allclose(torch.from_numpy(MpnetEncoder().encode(say(text))), expected, atol=1e-5)


def test_its_words_are_berts_behind_four_marks_of_its_own():
    text = "Unbelievable, isn't it?"
    bert = bert_tokenizer()
    bert.no_padding()
    assert mpnet_tokenizer().encode(text).ids == [
        0,
        *(4 + i for i in bert.encode(text, add_special_tokens=False).ids),
        2,
    ]


def test_a_long_text_takes_several_windows_and_no_more_positions_than_there_are():
    assert len(MpnetEncoder(random_init=0).encode(say("word " * 600))) == 3


def test_padding_does_not_matter():
    encoder = MpnetEncoder(random_init=0)
    alone = encoder.encode_texts(["Oh no!"])[0]
    beside = encoder.encode_texts(
        ["Oh no!", "A much longer text that makes padding of the first one necessary."]
    )[0]
    assert torch.allclose(torch.from_numpy(alone), torch.from_numpy(beside), atol=1e-6)


def test_turns_before_are_read_only_with_context():
    before = ("I lost my job yesterday.",)
    plain, reading = MpnetEncoder(random_init=0), MpnetEncoder(random_init=0, context=16)
    assert (plain.encode(say("Oh.", before)) == plain.encode(say("Oh."))).all()
    assert (reading.encode(say("Oh.", before)) != reading.encode(say("Oh."))).any()


def test_adapters_are_merged_and_change_the_revision(tmp_path):
    network = MpnetEncoder.load(random_init=0)
    add_adapters(network, 2)
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith(".up"):
                p.normal_()
    save_file({f"adapter.{name}": t for name, t in adapters(network).items()}, tmp_path / "text.safetensors")
    plain, adapted = (
        MpnetEncoder(random_init=0),
        MpnetEncoder(random_init=0, delta=tmp_path / "text.safetensors"),
    )
    assert adapted.spec.fingerprint != plain.spec.fingerprint
    assert not (plain.encode(say("Oh no!")) == adapted.encode(say("Oh no!"))).all()


class TestDistances:
    def test_near_ones_have_a_bucket_each_and_far_ones_share(self):
        buckets = distance_buckets(torch.arange(-300, 301), 32)
        assert buckets.min() == 0
        assert buckets.max() == 31
        before, after = buckets[:300].flip(0), buckets[301:]
        assert len({int(b) for b in before[:8]}) == 7 + 1 == len({int(b) for b in after[:8]})
        assert not set(before.tolist()) & set(after.tolist())
        assert (before.diff() >= 0).all()
        assert len(set(before[127:].tolist())) == 1
