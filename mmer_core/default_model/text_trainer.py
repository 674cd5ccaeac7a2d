"""Training of adapters on a sentence encoder together with the expert on words; it can be stopped at any time and goes on at the last whole epoch."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from mmer_core import encoders
from mmer_core.config import JsonConfig
from mmer_core.default_model.text_corpora import Utterances, bare
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
        seeds: trainings, each with other random numbers, whose adapters are averaged.
    """

    encoder: str = "minilm"
    recipes: tuple[str, ...] = (
        "adapters, MELD alone",
        "adapters, GoEmotions then MELD",
        "adapters, GoEmotions then MELD in its dialogues",
    )
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
LARGE = TextTraining(encoder="mpnet", recipes=("adapters, GoEmotions then MELD in its dialogues",), first_rate=5e-4, epochs=3, rate=4e-4, seeds=1)


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


class Stage:
    """Some epochs of a trainer over one corpus, with a checkpoint after each."""

    def __init__(
        self, name: str, trainer: TextTrainer, corpus: Utterances, *, epochs: int, rate: float, checkpoint: Path, in_dialogue: float = 0.0
    ) -> None:
        options = trainer.options
        self.name, self.trainer, self.epochs, self.rate, self.checkpoint = name, trainer, epochs, rate, checkpoint
        self.in_dialogue = in_dialogue
        texts, without_marks, before = corpus.texts, [bare(text) for text in corpus.texts], corpus.before()
        # by whether punctuation is gone, and whether the turns before are there
        self.rows = {(lost, told): trainer.tokens(without_marks if lost else texts, before if told else None) for lost in (0, 1) for told in (0, 1)}
        self.labels = torch.from_numpy(corpus.labels)
        self.steps = -(-len(corpus) // options.batch)
        self.parameters = [*trainer.factors, *trainer.expert.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=rate, weight_decay=options.weight_decay)
        self.history: list[dict[str, float]] = []

    def run(self) -> list[dict[str, float]]:
        """Train from the last checkpoint, if there is one, to the end; returns loss and seconds of each epoch."""
        self._resume()
        while len(self.history) < self.epochs:
            start = time.monotonic()
            loss = self._epoch()
            row = {"loss": round(loss, 4), "seconds": round(time.monotonic() - start, 1)}
            self.history.append(row)
            self._save()
            print(f"text: {self.name}, epoch {len(self.history)}/{self.epochs}: {', '.join(f'{k} {v}' for k, v in row.items())}", flush=True)
        return self.history

    def _epoch(self) -> float:
        """One pass; depends only on the state, the seed and the epoch's number."""
        trainer, options, epoch = self.trainer, self.trainer.options, len(self.history)
        torch.manual_seed(trainer.seed * 1000 + epoch)
        rng = np.random.default_rng((trainer.seed, epoch))
        lost = rng.random(len(self.labels)) < options.bare
        told = rng.random(len(self.labels)) < self.in_dialogue if self.in_dialogue else np.zeros(len(self.labels), bool)
        rows = [self.rows[int(a), int(b)][i] for i, (a, b) in enumerate(zip(lost, told, strict=True))]
        # texts of like length together, so that little is padding, in another mixture each time
        order = np.argsort([len(row.tokens) for row in rows] + 4 * rng.random(len(rows)))
        batches = [order[i : i + options.batch] for i in range(0, len(order), options.batch)]
        trainer.network.train()
        trainer.expert.train()
        total = 0.0
        for step, which in enumerate(rng.permutation(len(batches))):
            index = batches[which]
            for group in self.optimizer.param_groups:
                group["lr"] = self._rate(epoch * self.steps + step)
            loss = functional.cross_entropy(trainer.classify([rows[i] for i in index]), self.labels[index], label_smoothing=options.smoothing)
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
            total += loss.item() * len(index)
        return total / len(rows)

    def _rate(self, step: int) -> float:
        at, warm_up = step / (self.steps * self.epochs), self.trainer.options.warm_up
        return self.rate * (at / warm_up if at < warm_up else 0.5 * (1 + np.cos(np.pi * (at - warm_up) / (1 - warm_up))))

    def _fingerprint(self) -> str:
        options = {k: v for k, v in self.trainer.options.to_json().items() if k not in ("recipes", "seeds")}  # those say which stages there are
        return json.dumps([self.name, self.epochs, self.rate, self.in_dialogue, len(self.labels), self.trainer.seed, options], sort_keys=True)

    def _save(self) -> None:
        """Everything the next epoch needs, in one file that is replaced as a whole."""
        state = self.optimizer.state_dict()["state"]
        moments = {f"moments/{i}/{k}": v for i, values in state.items() for k, v in values.items()}
        fresh = self.checkpoint.with_suffix(".new")
        save_file(self.trainer.tensors() | moments, fresh, {"history": json.dumps(self.history), "stage": self._fingerprint()})
        os.replace(fresh, self.checkpoint)

    def _resume(self) -> None:
        if not self.checkpoint.is_file():
            return
        with safe_open(self.checkpoint, "pt") as file:
            if file.metadata()["stage"] != self._fingerprint():
                raise ValueError(f"{self.checkpoint} belongs to a training with other data or options: delete it or give another --work folder")
            self.history = json.loads(file.metadata()["history"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        self.trainer.load({k: v for k, v in tensors.items() if not k.startswith("moments/")})
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("moments/"):
                _, i, key = name.split("/")
                state.setdefault(int(i), {})[key] = tensor
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": state})
