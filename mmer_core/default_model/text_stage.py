"""Some epochs of training adapters and the expert on words; they can be stopped at any time and go on at the last whole epoch."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.default_model.text_corpora import Utterances, bare
from mmer_core.default_model.text_trainer import TextTrainer


class Stage:
    """Some epochs of a trainer over one corpus, with a checkpoint after each.

    Args:
        in_dialogue: share of the utterances that an epoch shows behind the turns before them.
        answers: (2, N, C) float32 probabilities that a teacher gives to the utterances alone and behind those turns; None without one.
    """

    def __init__(
        self,
        name: str,
        trainer: TextTrainer,
        corpus: Utterances,
        *,
        epochs: int,
        rate: float,
        checkpoint: Path,
        in_dialogue: float = 0.0,
        answers: Tensor | None = None,
    ) -> None:
        options = trainer.options
        self.name, self.trainer, self.epochs, self.rate, self.checkpoint = name, trainer, epochs, rate, checkpoint
        self.in_dialogue, self.answers = in_dialogue, answers
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
            loss = self._loss(trainer.classify([rows[i] for i in index]), index, told[index])
            self.optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            self.optimizer.step()
            total += loss.item() * len(index)
        return total / len(rows)

    def _loss(self, logits: Tensor, index: np.ndarray, told: np.ndarray) -> Tensor:
        """Cross-entropy with the labels, and with the teacher's answers if there is one."""
        options = self.trainer.options
        loss = functional.cross_entropy(logits, self.labels[index], label_smoothing=options.smoothing)
        if self.answers is None:
            return loss
        answers = self.answers[torch.from_numpy(told.astype(np.int64)), torch.from_numpy(index)]
        return (1 - options.taught) * loss + options.taught * functional.cross_entropy(logits, answers)

    def _rate(self, step: int) -> float:
        at, warm_up = step / (self.steps * self.epochs), self.trainer.options.warm_up
        return self.rate * (at / warm_up if at < warm_up else 0.5 * (1 + np.cos(np.pi * (at - warm_up) / (1 - warm_up))))

    def _fingerprint(self) -> str:
        # what says which stages there are does not change a stage
        other = ("recipes", "seeds", "teaches", "taught", "taught_epochs")
        options = {k: v for k, v in self.trainer.options.to_json().items() if k not in other}
        what = [self.name, self.epochs, self.rate, self.in_dialogue, len(self.labels), self.trainer.seed, options]
        if self.answers is not None:
            what += [self.trainer.options.taught, round(float(self.answers.double().square().sum()), 3)]
        return json.dumps(what, sort_keys=True)

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
