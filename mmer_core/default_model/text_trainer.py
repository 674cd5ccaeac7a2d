"""What is trained for words: adapters on a sentence encoder together with the expert on its vectors, and with which hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmer_core import encoders
from mmer_core.config import JsonConfig
from mmer_core.encoders.bert_network import adapters, add_adapters, pool
from mmer_core.encoders.text import ADAPTER_PREFIX, SentenceEncoder, Window, own_tokens, pad_tokens
from mmer_core.fusion.words import WordsNetwork
from mmer_core.labels import EMOTIONS

EXPERT_PREFIX = "expert."

Rows = list[Window]


@dataclass(frozen=True)
class TextTraining(JsonConfig):
    """Hyper-parameters, chosen on dialogues held out of MELD's training part.

    Attributes:
        encoder: what the adapters are put on: minilm, or mpnet for the large model.
        recipes: names in `default_model.text.RECIPES` that are compared.
        taught: share of the loss that follows the teacher's answers, in recipes that have a teacher; the rest follows the labels.
        taught_epochs: passes over MELD with a teacher: its answers are not learned by heart as soon as labels are.
        teaches: keep the answers to MELD's training part of what was trained without the held-out dialogues.
        seeds: trainings, each with other random numbers, whose adapters are averaged; 0 to ship what was trained without the held-out dialogues.
        rank: of the adapters.
        hidden: width of the expert's hidden layer; 0 for none.
        first_epochs: passes over GoEmotions; its learning rate is `first_rate`.
        epochs: passes over MELD; their learning rate is `rate`.
        bare: share of the texts that an epoch shows without punctuation.
        warm_up: share of the steps over which the learning rate rises; it then falls as a cosine.
        held_out: share of MELD's training dialogues kept for choosing.
        longest: tokens of a text that are read in training.
        context: tokens of the turns before an utterance that are read with it.
        in_dialogue: share of the utterances that an epoch shows behind those turns; the others stand alone, as words without a history will.
    """

    encoder: str = "minilm"
    recipes: tuple[str, ...] = (
        "adapters, MELD alone",
        "adapters, GoEmotions then MELD",
        "adapters, GoEmotions then MELD in its dialogues",
        "adapters, GoEmotions then MELD in its dialogues, taught by MPNet",
    )
    taught: float = 0.8
    taught_epochs: int = 8
    teaches: bool = False
    rank: int = 16
    hidden: int = 0
    first_epochs: int = 1
    first_rate: float = 1e-3
    epochs: int = 4
    rate: float = 6e-4
    batch: int = 32
    weight_decay: float = 0.01
    warm_up: float = 0.1
    dropout: float = 0.1
    expert_dropout: float = 0.3
    smoothing: float = 0.1
    bare: float = 0.3
    held_out: float = 0.15
    longest: int = 64
    context: int = 48
    in_dialogue: float = 0.6
    seeds: int = 3


def sentence_encoder(name: str, **options: Any) -> SentenceEncoder:
    """An encoder of words by name; ValueError if it is not one that adapters can be put on."""
    encoder = encoders.create(name, **options)
    if not isinstance(encoder, SentenceEncoder):
        raise ValueError(f"adapters for words cannot be put on the encoder {name}: choose minilm or mpnet")
    return encoder


#: The large model's; its network learns faster than MiniLM and overfits sooner.
LARGE = TextTraining(
    encoder="mpnet", recipes=("adapters, GoEmotions then MELD in its dialogues",), first_rate=5e-4, epochs=3, rate=4e-4, seeds=0, teaches=True
)


class TextTrainer:
    """A sentence encoder with adapters, and the expert on its vectors."""

    def __init__(self, options: TextTraining, seed: int) -> None:
        torch.manual_seed(seed)
        self.options, self.seed = options, seed
        self.encoder = sentence_encoder(options.encoder, context=options.context)
        self.network = self.encoder.network
        self.network.dropout = options.dropout
        self.factors = add_adapters(self.network, options.rank)
        self.expert = WordsNetwork(self.encoder.spec.dim, len(EMOTIONS), options.hidden, options.expert_dropout)

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
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = self.network(tokens, mask)
        vectors = pool(states, own_tokens(mask, rows)).unsqueeze(1)
        return self.expert(vectors, torch.zeros(vectors.shape[:2], dtype=torch.bool))


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
