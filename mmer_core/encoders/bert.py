"""BERT-base-uncased (Devlin et al. 2019), the words of systems S0, S2, S3 and S4."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from mmer_core.clip import Absent, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.bert_network import BertNetwork, BertOptions
from mmer_core.encoders.spec import EncoderSpec, EncoderUnavailable
from mmer_core.encoders.text import NO_WORDS, SentenceEncoder, Window, minilm_tokenizer, pad_tokens
from mmer_core.encoders.weights import HubFile, random_revision, random_weights
from mmer_core.labels import Modality

BERT_WEIGHTS = HubFile(
    "google-bert/bert-base-uncased",
    "86b5e0934494bd15c9632b12f734a8a67f723594",
    "model.safetensors",
    "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3",
    440_449_768,
)
BASE = BertOptions(width=768, hidden=3072, layers=12, heads=12)
TINY = BertOptions(width=48, hidden=96, layers=2, heads=4)  # what random weights are given to
WINDOW = 256  # tokens read at once


def without_specials(text: str) -> str:
    """System S2's cleaning: lower case, only letters, digits and single spaces ("Well... I'm fine!" -> "well im fine")."""
    return re.sub(r"\s+", " ", re.sub(r"[^a-z0-9\s]", "", text.lower())).strip()


@ENCODERS.register("bert")
class BertEncoder(SentenceEncoder):
    """BERT-base-uncased, frozen: one 768-d vector for each window of 256 tokens, or its last hidden states, one row per token.

    The tokenizer is the one that MiniLM's package carries: its vocabulary is BERT's.

    Args:
        sequence: one row per token, [CLS] first (system S3), instead of one vector per window.
        pooling: how the vector is made: the mean of the tokens, or cls, the first one.
        plain: clean the text as system S2 does (see `without_specials`).
        random_init: seed of a tiny network with random weights, for tests and for trying a pipeline out.

    Raises:
        EncoderUnavailable: the weights cannot be had; the message says how.
    """

    needs = (BERT_WEIGHTS,)

    def __init__(
        self, *, sequence: bool = False, pooling: Literal["mean", "cls"] = "mean", plain: bool = False, random_init: int | None = None
    ) -> None:
        self.sequence, self.pooling, self.plain = sequence, pooling, plain
        network = bert_network() if random_init is None else tiny_network(random_init)
        what = "one row per token, [CLS] first" if sequence else "the first token" if pooling == "cls" else "the mean of the tokens"
        cleaning = "lower case without special characters" if plain else "plain quotes and dashes"
        spec = EncoderSpec(
            name="bert",
            modality=Modality.TEXT,
            dim=network.options.width,
            source=BERT_WEIGHTS.repository if random_init is None else "this project",
            revision=f"{BERT_WEIGHTS.revision} {BERT_WEIGHTS.sha256}" if random_init is None else random_revision(random_init),
            licence="Apache-2.0",
            preprocessing=f"{cleaning}, uncased WordPiece, windows of {WINDOW} tokens, last layer, {what}",
        )
        super().__init__(network, minilm_tokenizer(), spec, WINDOW)

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, D) float32: one row per window, or per token.

        Raises:
            Absent: the clip has no words, or none are left after cleaning.
        """
        windows = self.windows(clip.text or "")
        if not windows:
            said = (clip.text or "").strip()
            raise Absent("no words are left once special characters are gone" if said else clip.absent.get(Modality.TEXT, NO_WORDS))
        return np.concatenate([self._states(w) for w in windows]) if self.sequence else self._embed([Window(w) for w in windows])

    def windows(self, text: str) -> list[list[int]]:
        """Token ids of each window of a text, marks included; empty if there are no words."""
        return super().windows(without_specials(text) if self.plain else text)

    def _states(self, window: list[int]) -> np.ndarray:
        """(T, D): the last layer at every token but the closing mark."""
        tokens, mask = pad_tokens([window])
        with torch.inference_mode():
            return self.network(tokens, mask)[0, :-1].numpy()

    def _embed(self, windows: Sequence[Window]) -> np.ndarray:
        tokens, mask = pad_tokens([window.tokens for window in windows])
        with torch.inference_mode():
            states = self.network(tokens, mask)
            if self.pooling == "cls":
                return states[:, 0].numpy()
            weight = mask[..., None].float()
            return ((states * weight).sum(1) / weight.sum(1)).numpy()


def bert_network() -> BertNetwork:
    """The published network, float32."""
    weights = our_names(load_file(BERT_WEIGHTS.locate()))
    with torch.device("meta"):
        network = BertNetwork(BASE)
    try:
        network.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise EncoderUnavailable(f"the weights of {BERT_WEIGHTS.repository} do not fit its network: {BERT_WEIGHTS.how_to_get}") from error
    return network.requires_grad_(False)


def our_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's tensors of a published BERT checkpoint: without its prefix and its heads, and with today's names in its layer norms."""
    renamed = {name.removeprefix("bert.").replace("gamma", "weight").replace("beta", "bias"): tensor for name, tensor in weights.items()}
    return {name: t for name, t in renamed.items() if name.startswith(("embeddings.", "encoder.")) and not name.endswith("position_ids")}


def tiny_network(seed: int) -> BertNetwork:
    """A small network with random weights."""
    with random_weights(seed):
        return BertNetwork(TINY).requires_grad_(False)
