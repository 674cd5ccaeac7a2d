"""The text network in training: adapters on a sentence encoder, and a classifier on its vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmer_core import encoders
from mmer_core.encoders.backends.bert_network import adapters, add_adapters, pool
from mmer_core.encoders.sentences import (
    ADAPTER_PREFIX,
    SentenceEncoder,
    Window,
    own_tokens,
    pad_tokens,
)
from mmer_core.fusion.heads.words import WordsNetwork
from mmer_core.labels import EMOTIONS
from mmer_core.training.device import fastest, seeded
from recipes.words.recipes import TextTraining

HEAD_PREFIX = "expert."  # of the head's tensors in files: it becomes one of the experts of the product


def sentence_encoder(name: str, **options: Any) -> SentenceEncoder:
    """An encoder of text by name; ValueError if adapters cannot be put on it."""
    encoder = encoders.create(name, **options)
    if not isinstance(encoder, SentenceEncoder):
        raise ValueError(f"adapters cannot be put on the text encoder {name}: choose minilm or mpnet")
    return encoder


class TextClassifier(nn.Module):
    """A frozen sentence encoder with adapters, and a head on its vectors.

    The state dict holds what is trained and no more: a checkpoint needs no copy of the published weights.
    """

    def __init__(self, options: TextTraining, seed: int) -> None:
        super().__init__()
        self.options, self.seed = options, seed
        # In a list, so that the published weights are no part of this module's state.
        self._encoder = [sentence_encoder(options.encoder, context=options.context)]
        self.bert.dropout = options.dropout
        with seeded(seed):
            self.adapters = nn.ParameterList(add_adapters(self.bert, options.rank))
            self.head = WordsNetwork(self.encoder.spec.dim, len(EMOTIONS), dropout=options.head_dropout)

    @property
    def encoder(self) -> SentenceEncoder:
        """The encoder whose network carries the adapters."""
        return self._encoder[0]

    @property
    def bert(self) -> Any:
        """The encoder's network."""
        return self.encoder.network

    def train(self, mode: bool = True) -> TextClassifier:
        """Set dropout on or off, in the encoder's network as well."""
        super().train(mode)
        self.bert.train(mode)
        return self

    def tensors(self) -> dict[str, Tensor]:
        """What is trained, by the names it is shipped under: adapter.<linear map>.up, expert.<name>."""
        parts = {ADAPTER_PREFIX: adapters(self.bert), HEAD_PREFIX: self.head.state_dict()}
        return {
            prefix + name: tensor.detach().clone()
            for prefix, part in parts.items()
            for name, tensor in part.items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        named = {ADAPTER_PREFIX + name: p for name, p in self.bert.named_parameters() if p.requires_grad}
        named |= {HEAD_PREFIX + name: p for name, p in self.head.state_dict().items()}
        with torch.no_grad():
            for name, tensor in tensors.items():
                named[name].copy_(tensor)

    def tokens(self, texts: Sequence[str], context: Sequence[Sequence[str]] | None = None) -> list[Window]:
        """Each text's first `longest` tokens, behind those of the turns before it, if these are given; a text
        without words keeps its two marks.
        """
        rows = []
        last = self.encoder.marks[1]
        for i, text in enumerate(texts):
            first = (self.encoder.windows(text) or [self.encoder.marks])[0]
            if len(first) > self.options.longest:
                first = [*first[: self.options.longest - 1], last]
            rows += self.encoder.in_dialogue([first], context[i] if context else ())
        return rows

    def predict(self, texts: Sequence[str], context: Sequence[Sequence[str]] | None = None) -> np.ndarray:
        """(N, C) float32 logits of texts, behind the turns before them if these are given."""
        return self.logits(self.tokens(texts, context))

    def logits(self, rows: Sequence[Window], batch: int = 64) -> np.ndarray:
        """(N, C) float32 logits of tokenised texts, in evaluation mode."""
        self.eval()
        result = np.zeros((len(rows), len(EMOTIONS)), dtype=np.float32)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].tokens))
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                index = order[start : start + batch]
                result[index] = self([rows[i] for i in index]).numpy()
        return result

    def forward(self, rows: Sequence[Window]) -> Tensor:
        """(B, C) logits of B tokenised texts, with gradients to what is trained."""
        tokens, mask = pad_tokens([row.tokens for row in rows])
        with fastest():
            states = self.bert(tokens, mask)
        vectors = pool(states, own_tokens(mask, rows)).unsqueeze(1)
        logits: Tensor = self.head(vectors, torch.zeros(vectors.shape[:2], dtype=torch.bool))
        return logits


def classifier_of(options: TextTraining, tensors: Mapping[str, Tensor]) -> TextClassifier:
    """A classifier with trained tensors of any rank, such as `average` gives."""
    rank = next(tensor.shape[0] for name, tensor in tensors.items() if name.endswith(".down"))
    classifier = TextClassifier(replace(options, rank=rank), seed=0)
    classifier.load(tensors)
    return classifier


def between(first: Mapping[str, Tensor], second: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """The tensors on the way from a network to what it became by going on with training, `share` of the way
    (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). Their adapters have one rank and one
    origin, so that each factor is averaged by itself and the rank stays.
    """
    return {name: (1 - share) * first[name] + share * second[name] for name in first}


def average(trained: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several trainings that began at the same weights, by the names of `TextClassifier.tensors`
    (Wortsman et al. 2022, "Model soups").

    The mean of products of low rank is one of the sum of their ranks: the factors lie side by side.
    """
    result = {}
    for name in trained[0]:
        parts = [tensors[name] for tensors in trained]
        if name.endswith(".up"):
            result[name] = torch.cat(parts, dim=1) / len(parts)
        elif name.endswith(".down"):
            result[name] = torch.cat(parts, dim=0)
        else:
            result[name] = torch.stack(parts).mean(0)
    return result
