"""BERT-base-uncased (Devlin et al. 2019)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import numpy as np
from torch import Tensor

from mmer_core.clip import Absent, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.bert_network import BertNetwork, BertOptions, bert_tensor_name
from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.device import Device
from mmer_core.encoders.sentences import NO_WORDS, SentenceEncoder, Window, pad_tokens
from mmer_core.encoders.weights import HubFile
from mmer_core.encoders.wordpiece import bert_tokenizer
from mmer_core.labels import Modality

BERT_WEIGHTS = HubFile(
    "google-bert/bert-base-uncased",
    "86b5e0934494bd15c9632b12f734a8a67f723594",
    "model.safetensors",
    "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3",
    440_449_768,
)
BASE = BertOptions(width=768, hidden=3072, layers=12, heads=12)
TINY = BertOptions(width=48, hidden=96, layers=2, heads=4)
WINDOW = 256  # tokens read at once


def without_specials(text: str) -> str:
    """The text in lower case with only letters, digits and single spaces ("Well... I'm fine!" -> "well im
    fine").
    """
    return re.sub(r"\s+", " ", re.sub(r"[^a-z0-9\s]", "", text.lower())).strip()


@ENCODERS.register(
    "bert",
    modality=Modality.TEXT,
    description="BERT-base: one vector per text, or one per token",
    order=30,
)
class BertEncoder(SentenceEncoder):
    """BERT-base-uncased, frozen: one 768-d vector for each window of 256 tokens, or its last hidden states,
    one row per token.

    The tokenizer is the one that MiniLM's package carries: its vocabulary is BERT's.

    Args:
        sequence: one row per token, [CLS] first, instead of one vector per window.
        pooling: the vector is the mean of the tokens, or cls, the first one.
        plain: leave only letters, digits and single spaces of the text, in lower case.

    Raises:
        EncoderUnavailable: the weights cannot be had; the message says how.
    """

    weights = BERT_WEIGHTS
    needs = (BERT_WEIGHTS,)
    source = BERT_WEIGHTS.repository
    tensor_name = staticmethod(bert_tensor_name)

    def __init__(
        self,
        *,
        sequence: bool = False,
        pooling: Literal["mean", "cls"] = "mean",
        plain: bool = False,
        random_init: int | None = None,
        device: Device = "cpu",
    ) -> None:
        self.sequence, self.pooling, self.plain = sequence, pooling, plain
        network = self.load(random_init)
        source, revision = self.provenance(random_init)
        vector = "the first token" if pooling == "cls" else "the mean of the tokens"
        rows = "one row per token, [CLS] first" if sequence else vector
        cleaning = "lower case without special characters" if plain else "plain quotes and dashes"
        spec = EncoderSpec(
            name="bert",
            modality=Modality.TEXT,
            dim=network.options.width,
            source=source,
            revision=revision,
            licence="Apache-2.0",
            preprocessing=f"{cleaning}, uncased WordPiece, windows of {WINDOW} tokens, last layer, {rows}",
            timing="sentences",
        )
        super().__init__(network, bert_tokenizer(), spec, WINDOW, device=device)

    @staticmethod
    def build(tiny: bool) -> BertNetwork:
        """See `PretrainedEncoder.build`."""
        return BertNetwork(TINY if tiny else BASE)

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, D) float32: one row per window, or per token.

        Raises:
            Absent: the clip has no words, or none are left after cleaning.
        """
        windows = self.windows(clip.text or "")
        if not windows:
            raise Absent(
                "no words are left once special characters are gone"
                if (clip.text or "").strip()
                else clip.absent.get(Modality.TEXT, NO_WORDS)
            )
        if self.sequence:
            return np.concatenate([self._states(window) for window in windows])
        return self._embed([Window(window) for window in windows])

    def windows(self, text: str) -> list[list[int]]:
        """Token ids of each window of a text, marks included; empty if there are no words."""
        return super().windows(without_specials(text) if self.plain else text)

    def _states(self, window: list[int]) -> np.ndarray:
        """(T, D) float32: the last layer at every token but the closing mark."""
        states: np.ndarray = self.compute(self.network, *pad_tokens([window]))[0, :-1]
        return states

    def _embed(self, windows: Sequence[Window]) -> np.ndarray:
        return self.compute(self._pool, *pad_tokens([window.tokens for window in windows]))

    def _pool(self, tokens: Tensor, mask: Tensor) -> Tensor:
        states: Tensor = self.network(tokens, mask)
        if self.pooling == "cls":
            return states[:, 0]
        weight = mask[..., None].float()
        return (states * weight).sum(1) / weight.sum(1)
