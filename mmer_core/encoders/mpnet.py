"""MPNet (Song et al. 2020) as sentence-transformers trained it on sentence pairs: the words of the large model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.processors import TemplateProcessing
from torch import Tensor

from mmer_core.encoders import ENCODERS
from mmer_core.encoders.bert_network import BertNetwork, BertOptions
from mmer_core.encoders.spec import EncoderUnavailable
from mmer_core.encoders.text import SentenceEncoder, merge_delta, minilm_tokenizer, sentence_spec
from mmer_core.encoders.weights import HubFile, random_revision, random_weights

MPNET_WEIGHTS = HubFile(
    "sentence-transformers/all-mpnet-base-v2",
    "e8c3b32edf5434bc2275fc9bab85f82640a19130",
    "model.safetensors",
    "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    437_971_872,
)
_OWN_MARKS = ("<s>", "<pad>", "</s>", "<unk>")  # ids 0 to 3; BERT's vocabulary follows, and a last one for hidden words
_BERT_VOCABULARY = 30522
BASE = BertOptions(
    vocabulary=len(_OWN_MARKS) + _BERT_VOCABULARY + 1,
    positions=514,
    width=768,
    hidden=3072,
    layers=12,
    epsilon=1e-5,
    first_position=2,
    types=0,
    distances=32,
)
TINY = replace(BASE, width=48, hidden=96, layers=2, heads=4)  # what random weights are given to
_NAMES = {
    "attention.attn.q.": "attention.self.query.",
    "attention.attn.k.": "attention.self.key.",
    "attention.attn.v.": "attention.self.value.",
    "attention.attn.o.": "attention.output.dense.",
    "attention.LayerNorm.": "attention.output.LayerNorm.",
}


@ENCODERS.register("mpnet")
class MpnetEncoder(SentenceEncoder):
    """all-mpnet-base-v2 (Song et al. 2020; sentence-transformers): 768-d sentence vectors of English text.

    Args:
        delta: a safetensors file with low-rank adapters, "adapter.<linear map>.up" and ".down", and it may be a table of `phrases`, as
            `default_model.text` trains them.
        context: tokens of the turns before an utterance to read with it; of use where the adapters were trained to.
        random_init: seed of a tiny network with random weights, for tests and for trying a pipeline out.

    Raises:
        EncoderUnavailable: the weights cannot be had, or the delta cannot be read or does not fit.
    """

    needs = (MPNET_WEIGHTS,)

    def __init__(self, *, delta: Path | None = None, context: int = 0, random_init: int | None = None) -> None:
        network = mpnet_network() if random_init is None else tiny_network(random_init)
        revision = f"{MPNET_WEIGHTS.revision} {MPNET_WEIGHTS.sha256}" if random_init is None else random_revision(random_init)
        own = merge_delta(network, delta)
        source = MPNET_WEIGHTS.repository if random_init is None else "this project"
        spec = sentence_spec("mpnet", network, source, revision, own=own, context=context)
        super().__init__(network, mpnet_tokenizer(), spec, context=context, phrases=own.phrases)


def mpnet_network() -> BertNetwork:
    """The published network, float32."""
    weights = load_file(MPNET_WEIGHTS.locate())
    with torch.device("meta"):
        network = BertNetwork(BASE)
    try:
        network.load_state_dict(our_names(weights), assign=True)
    except RuntimeError as error:
        raise EncoderUnavailable(f"the weights of {MPNET_WEIGHTS.repository} do not fit its network: {MPNET_WEIGHTS.how_to_get}") from error
    return network.requires_grad_(False)


def mpnet_tokenizer() -> Tokenizer:
    """MPNet's uncased WordPiece tokenizer: BERT's vocabulary, which MiniLM's package carries, behind four marks of its own."""
    bert = minilm_tokenizer()
    vocabulary = dict(zip(_OWN_MARKS, range(len(_OWN_MARKS)), strict=True))
    vocabulary |= {token: len(_OWN_MARKS) + i for token, i in bert.get_vocab().items()}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = bert.normalizer, bert.pre_tokenizer
    tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def our_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's tensors of a published MPNet checkpoint, by the names of `BertNetwork`; its pooler head is not used by the sentence vector."""
    return {_our_name(name): t for name, t in weights.items() if not name.startswith("pooler.") and not name.endswith("position_ids")}


def _our_name(published: str) -> str:
    return next((published.replace(theirs, ours) for theirs, ours in _NAMES.items() if theirs in published), published)


def tiny_network(seed: int) -> BertNetwork:
    """A small network with random weights."""
    with random_weights(seed):
        return BertNetwork(TINY).requires_grad_(False)
