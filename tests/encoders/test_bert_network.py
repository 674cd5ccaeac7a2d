"""BERT written out in torch, and low-rank adapters on it."""

import pytest
import torch
from encoders.published import as_transformers_says

from mmer_core.encoders.backends.bert_network import (
    BertNetwork,
    BertOptions,
    adapters,
    add_adapters,
    merge_adapters,
    pool,
)
from mmer_core.encoders.sentences import pad_tokens

TINY = BertOptions(vocabulary=20, positions=64, width=24, hidden=48, layers=2, heads=4)


def tiny_network() -> BertNetwork:
    torch.manual_seed(0)
    return BertNetwork(TINY).requires_grad_(False).eval()


class TestBert:
    def test_it_computes_what_the_published_implementation_computes(self):
        from transformers import BertConfig, BertModel

        torch.manual_seed(1)
        published = BertModel(BertConfig(**as_transformers_says(TINY)), add_pooling_layer=False).eval()
        ours = BertNetwork(TINY).eval()
        ours.load_state_dict(published.state_dict())
        tokens, mask = pad_tokens([[2, 5, 9, 7, 3], [2, 4, 3]])
        with torch.inference_mode():
            expected = published(input_ids=tokens, attention_mask=mask.long()).last_hidden_state
            assert torch.allclose(ours(tokens, mask)[mask], expected[mask], atol=1e-5)

    def test_padding_does_not_matter(self):
        network = tiny_network()
        short, short_mask = pad_tokens([[2, 5, 3]])
        padded, mask = pad_tokens([[2, 5, 3], [2, 4, 5, 6, 7, 8, 3]])
        padded[~mask] = 11
        assert torch.allclose(
            pool(network(padded, mask), mask)[0], pool(network(short, short_mask), short_mask)[0], atol=1e-6
        )


class TestAdapters:
    def test_new_adapters_change_nothing_and_train_nothing_else(self):
        plain, adapted = tiny_network(), tiny_network()
        trained = add_adapters(adapted, rank=3)
        tokens, mask = pad_tokens([[2, 5, 9, 3]])
        adapted.eval()
        assert torch.equal(plain(tokens, mask), adapted(tokens, mask))
        pool(adapted(tokens, mask), mask).sum().backward()
        assert all(p.grad is not None for p in trained)
        assert {id(p) for p in adapted.parameters() if p.requires_grad} == {id(p) for p in trained}
        assert len(trained) == 2 * 6 * TINY.layers

    def test_merged_adapters_give_what_they_gave_in_training(self):
        adapted, merged = tiny_network(), tiny_network()
        with torch.no_grad():
            for factor in add_adapters(adapted, rank=2):
                factor.normal_(std=0.3)
        merge_adapters(merged, adapters(adapted))
        tokens, mask = pad_tokens([[2, 5, 9, 3], [2, 8, 3]])
        adapted.eval()
        assert torch.allclose(adapted(tokens, mask), merged(tokens, mask), atol=1e-5)
        assert not torch.allclose(tiny_network()(tokens, mask), merged(tokens, mask), atol=1e-2)

    @pytest.mark.parametrize("change", ["partner missing", "unknown map", "other width"])
    def test_adapters_of_another_network_are_refused(self, change):
        name = "encoder.layer.0.attention.self.query"
        factors = {f"{name}.up": torch.zeros(TINY.width, 2), f"{name}.down": torch.zeros(2, TINY.width)}
        if change == "partner missing":
            del factors[f"{name}.down"]
        elif change == "unknown map":
            factors = {key.replace("layer.0", "layer.9"): value for key, value in factors.items()}
        else:
            factors[f"{name}.up"] = torch.zeros(TINY.width + 1, 2)
        with pytest.raises(ValueError, match="does not fit this text encoder"):
            merge_adapters(tiny_network(), factors)
