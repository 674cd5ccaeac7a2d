"""MPNet (Song et al. 2020) as sentence-transformers trained it on sentence pairs: the text encoder of the
large model.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.processors import TemplateProcessing

from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.bert_network import BertNetwork, BertOptions, bert_tensor_name
from mmer_core.encoders.device import Device
from mmer_core.encoders.sentences import SentenceEncoder, merge_delta, sentence_spec
from mmer_core.encoders.weights import HubFile
from mmer_core.encoders.wordpiece import bert_tokenizer
from mmer_core.labels import Modality

MPNET_WEIGHTS = HubFile(
    "sentence-transformers/all-mpnet-base-v2",
    "e8c3b32edf5434bc2275fc9bab85f82640a19130",
    "model.safetensors",
    "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
    437_971_872,
)
# ids 0 to 3; BERT's vocabulary follows, and a last one for hidden words
_OWN_MARKS = ("<s>", "<pad>", "</s>", "<unk>")
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
TINY = replace(BASE, width=48, hidden=96, layers=2, heads=4)
_NAMES = {
    "attention.attn.q.": "attention.self.query.",
    "attention.attn.k.": "attention.self.key.",
    "attention.attn.v.": "attention.self.value.",
    "attention.attn.o.": "attention.output.dense.",
    "attention.LayerNorm.": "attention.output.LayerNorm.",
}


@ENCODERS.register(
    "mpnet",
    modality=Modality.TEXT,
    description="MPNet sentence vectors of English text",
    order=20,
)
class MpnetEncoder(SentenceEncoder):
    """all-mpnet-base-v2 (Song et al. 2020; sentence-transformers): 768-d sentence vectors of English text.

    Args:
        delta: a safetensors file with low-rank adapters, "adapter.<linear map>.up" and ".down", and perhaps a
            table of `phrases`.
        context: tokens of the turns before an utterance to read with it; of use where the adapters were
            trained to.

    Raises:
        EncoderUnavailable: the weights cannot be had, or the delta cannot be read or does not fit.
    """

    weights = MPNET_WEIGHTS
    needs = (MPNET_WEIGHTS,)
    source = MPNET_WEIGHTS.repository

    def __init__(
        self,
        *,
        delta: Path | None = None,
        context: int = 0,
        random_init: int | None = None,
        device: Device = "cpu",
    ) -> None:
        network = self.load(random_init)
        added = merge_delta(network, delta)
        spec = sentence_spec("mpnet", network, self.provenance(random_init), delta=added, context=context)
        super().__init__(
            network, mpnet_tokenizer(), spec, context=context, phrases=added.phrases, device=device
        )

    @staticmethod
    def build(tiny: bool) -> BertNetwork:
        """See `PretrainedEncoder.build`."""
        return BertNetwork(TINY if tiny else BASE)

    @staticmethod
    def tensor_name(published: str) -> str | None:
        """The tensor's name in `BertNetwork`; None for the pooler, which the sentence vector does not use."""
        theirs = next((theirs for theirs in _NAMES if theirs in published), "")
        return bert_tensor_name(published.replace(theirs, _NAMES[theirs]) if theirs else published)


def mpnet_tokenizer() -> Tokenizer:
    """MPNet's uncased WordPiece tokenizer: BERT's vocabulary behind four marks of its own."""
    bert = bert_tokenizer()
    vocabulary = dict(zip(_OWN_MARKS, range(len(_OWN_MARKS)), strict=True))
    vocabulary |= {token: len(_OWN_MARKS) + i for token, i in bert.get_vocab().items()}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))  # nosec B106 # a word, no password
    tokenizer.normalizer, tokenizer.pre_tokenizer = bert.normalizer, bert.pre_tokenizer
    tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer
