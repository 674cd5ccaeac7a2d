"""What is trained for words: adapters on a sentence encoder together with the expert on its vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmer_core import encoders
from mmer_core.default_model.text_recipes import TextTraining
from mmer_core.encoders.bert_network import adapters, add_adapters, pool
from mmer_core.encoders.text import ADAPTER_PREFIX, SentenceEncoder, Window, own_tokens, pad_tokens
from mmer_core.fusion.words import WordsNetwork
from mmer_core.labels import EMOTIONS
from mmer_core.training.precision import fastest

EXPERT_PREFIX = "expert."

Rows = list[Window]


def sentence_encoder(name: str, **options: Any) -> SentenceEncoder:
    """An encoder of words by name; ValueError if it is not one that adapters can be put on."""
    encoder = encoders.create(name, **options)
    if not isinstance(encoder, SentenceEncoder):
        raise ValueError(f"adapters for words cannot be put on the encoder {name}: choose minilm or mpnet")
    return encoder


class TextTrainer:
    """A sentence encoder with adapters, and the expert on its vectors."""

    def __init__(self, options: TextTraining, seed: int) -> None:
        torch.manual_seed(seed)
        self.options, self.seed = options, seed
        self.encoder = sentence_encoder(options.encoder, context=options.context)
        self.network = self.encoder.network
        self.network.dropout = options.dropout
        self.factors = add_adapters(self.network, options.rank)
        self.expert = WordsNetwork(self.encoder.spec.dim, len(EMOTIONS), dropout=options.expert_dropout)

    def tensors(self) -> dict[str, Tensor]:
        """What was trained, by the names it is shipped under."""
        parts = {ADAPTER_PREFIX: adapters(self.network), EXPERT_PREFIX: self.expert.state_dict()}
        return {prefix + name: tensor.detach().clone() for prefix, part in parts.items() for name, tensor in part.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        named = {ADAPTER_PREFIX + name: p for name, p in self.network.named_parameters() if p.requires_grad}
        named |= {EXPERT_PREFIX + name: p for name, p in self.expert.state_dict().items()}
        with torch.no_grad():
            for name, tensor in tensors.items():
                named[name].copy_(tensor)

    def tokens(self, texts: Sequence[str], before: Sequence[Sequence[str]] | None = None) -> Rows:
        """Each text's first `longest` tokens, behind the turns `before` it if there are any; a text without words keeps its two marks."""
        rows = []
        for i, text in enumerate(texts):
            windows = self.encoder.windows(text) or [self.encoder.marks]
            first = windows[0] if len(windows[0]) <= self.options.longest else [*windows[0][: self.options.longest - 1], self.encoder.marks[1]]
            rows += self.encoder.in_dialogue([first], before[i] if before else ())
        return rows

    def answer(self, texts: Sequence[str], before: Sequence[Sequence[str]] | None = None) -> np.ndarray:
        """(N, C) float32 logits of texts behind the turns before them, if these are given."""
        return self.logits(self.tokens(texts, before))

    def logits(self, rows: Rows, batch: int = 64) -> np.ndarray:
        """(N, C) float32 of tokenised texts."""
        self.network.eval()
        self.expert.eval()
        result = np.zeros((len(rows), len(EMOTIONS)), dtype=np.float32)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].tokens))
        with torch.inference_mode():
            for start in range(0, len(order), batch):
                index = order[start : start + batch]
                result[index] = self.classify([rows[i] for i in index]).numpy()
        return result

    def classify(self, rows: Rows) -> Tensor:
        """(B, C) logits of B tokenised texts, with gradients to what is trained."""
        tokens, mask = pad_tokens([row.tokens for row in rows])
        with fastest():
            states = self.network(tokens, mask)
        vectors = pool(states, own_tokens(mask, rows)).unsqueeze(1)
        return self.expert(vectors, torch.zeros(vectors.shape[:2], dtype=torch.bool))


def holding(options: TextTraining, tensors: Mapping[str, Tensor]) -> TextTrainer:
    """A trainer with tensors of any rank, such as `average` gives."""
    rank = next(tensor.shape[0] for name, tensor in tensors.items() if name.endswith(".down"))
    trainer = TextTrainer(replace(options, rank=rank), seed=0)
    trainer.load(tensors)
    return trainer


def average(trained: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several trainings that began at the same weights, by the names of `TextTrainer.tensors` (Wortsman et al. 2022, "Model soups").

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
