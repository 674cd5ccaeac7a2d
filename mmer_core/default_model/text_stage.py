"""Training adapters and the expert on words in stages of some epochs; it can be stopped at any time and goes on at the last whole epoch."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.default_model.text_corpora import Utterances, bare, log_frequencies
from mmer_core.default_model.text_recipes import Recipe, TextTraining
from mmer_core.default_model.text_teacher import ANSWERS, read_answers
from mmer_core.default_model.text_trainer import TextTrainer


class Stage:
    """Some epochs of a trainer over one corpus, with a checkpoint after each.

    What a network learned of another corpus before is forgotten unless it goes on seeing some of it (rehearsal; Robins 1995). The emotions are
    otherwise frequent there, so its logits are moved by the logarithm of the frequencies' ratio before its labels are learned: they stay those
    of `corpus`.

    Args:
        in_dialogue: share of the utterances that an epoch shows behind the turns before them.
        answers: (2, N, C) float32 probabilities that a teacher gives to the utterances alone and behind those turns; None without one.
        rehearsal: another corpus, of which each epoch shows as many utterances as the trainer's options say; they have no turns before them and
            no teacher.
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
        rehearsal: Utterances | None = None,
    ) -> None:
        options = trainer.options
        self.name, self.trainer, self.epochs, self.rate, self.checkpoint = name, trainer, epochs, rate, checkpoint
        self.in_dialogue, self.answers = in_dialogue, answers
        texts, without_marks, before = corpus.texts, [bare(text) for text in corpus.texts], corpus.before()
        # by whether punctuation is gone, and whether the turns before are there
        self.rows = {(lost, told): trainer.tokens(without_marks if lost else texts, before if told else None) for lost in (0, 1) for told in (0, 1)}
        self.own, self.labels = len(corpus), torch.from_numpy(corpus.labels)
        if rehearsal is not None:
            comments = [trainer.tokens(texts) for texts in (rehearsal.texts, [bare(text) for text in rehearsal.texts])]
            self.rows = {(lost, told): rows + comments[lost] for (lost, told), rows in self.rows.items()}
            self.labels = torch.cat([self.labels, torch.from_numpy(rehearsal.labels)])
            self.moved = torch.from_numpy(log_frequencies(rehearsal.labels) - log_frequencies(corpus.labels))
        self.rehearsed = min(options.rehearsed, len(self.labels) - self.own)
        self.steps = -(-(self.own + self.rehearsed) // options.batch)
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
        told = rng.random(self.own) < self.in_dialogue if self.in_dialogue else np.zeros(self.own, bool)
        told = np.concatenate([told, np.zeros(len(self.labels) - self.own, bool)])
        rows = [self.rows[int(a), int(b)][i] for i, (a, b) in enumerate(zip(lost, told, strict=True))]
        shown = np.arange(self.own)
        if self.rehearsed:
            shown = np.concatenate([shown, self.own + rng.choice(len(self.labels) - self.own, self.rehearsed, replace=False)])
        # texts of like length together, so that little is padding, in another mixture each time
        order = shown[np.argsort([len(rows[i].tokens) for i in shown] + 4 * rng.random(len(shown)))]
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
        return total / len(shown)

    def _loss(self, logits: Tensor, index: np.ndarray, told: np.ndarray) -> Tensor:
        """Cross-entropy with the labels, and with the teacher's answers if there is one."""
        options = self.trainer.options
        own = torch.from_numpy(index < self.own)
        if self.rehearsed:
            logits = torch.where(own[:, None], logits, logits + self.moved)
        loss = functional.cross_entropy(logits, self.labels[index], label_smoothing=options.smoothing, reduction="none")
        if self.answers is not None:
            at = torch.from_numpy(told[own.numpy()].astype(np.int64)), torch.from_numpy(index[own.numpy()])
            taught = functional.cross_entropy(logits[own], self.answers[at], reduction="none")
            loss = loss.masked_scatter(own, (1 - options.taught) * loss[own] + options.taught * taught)
        return loss.mean()

    def _rate(self, step: int) -> float:
        at, warm_up = step / (self.steps * self.epochs), self.trainer.options.warm_up
        return self.rate * (at / warm_up if at < warm_up else 0.5 * (1 + np.cos(np.pi * (at - warm_up) / (1 - warm_up))))

    def _fingerprint(self) -> str:
        # what says which stages there are does not change a stage
        other = ("recipes", "seeds", "teaches", "taught", "taught_epochs", "rehearsed")
        options = {k: v for k, v in self.trainer.options.to_json().items() if k not in other}
        what = [self.name, self.epochs, self.rate, self.in_dialogue, self.own, self.trainer.seed, options]
        if self.answers is not None:
            what += [self.trainer.options.taught, round(float(self.answers.double().square().sum()), 3)]
        if self.rehearsed:
            what += [self.rehearsed, len(self.labels)]
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


class Stages:
    """The stages of a training, each with a checkpoint in `work` by its number: one on comments, from which those on MELD's utterances go on.

    Args:
        teacher: the folder with a teacher's answers.
        comments: GoEmotions' training part.
    """

    def __init__(self, work: Path, teacher: Path, options: TextTraining, comments: Utterances, seed: int) -> None:
        self.work, self.teacher, self.options, self.comments = work, teacher, options, comments
        self.history: dict[str, list[dict[str, float]]] = {}
        trainer = TextTrainer(options, seed)
        self._fresh = trainer.tensors()
        self._run("GoEmotions", trainer, corpus=comments, epochs=options.first_epochs, rate=options.first_rate)
        self._first = trainer.tensors()

    def run(self, name: str, recipe: Recipe, corpus: Utterances, seed: int, answers: str = ANSWERS, *, rehearsing: bool = False) -> dict[str, Tensor]:
        """Train by a recipe on MELD's utterances. Returns what was trained.

        Args:
            answers: the file of the answers to learn from, if the recipe has a teacher.
            rehearsing: also show comments in each pass.
        """
        options = self.options
        trainer = TextTrainer(options, seed)
        trainer.load(self._first if recipe.first else self._fresh)
        self._run(
            name,
            trainer,
            corpus=corpus,
            epochs=options.taught_epochs if recipe.taught else options.epochs,
            rate=options.rate,
            in_dialogue=options.in_dialogue if recipe.in_dialogue else 0.0,
            answers=read_answers(self.teacher / answers, corpus) if recipe.taught else None,
            rehearsal=self.comments if rehearsing else None,
        )
        return trainer.tensors()

    def _run(self, name: str, trainer: TextTrainer, **how: Any) -> None:
        checkpoint = self.work / f"text_stage_{len(self.history)}.safetensors"
        self.history[name] = Stage(name, trainer, checkpoint=checkpoint, **how).run()
