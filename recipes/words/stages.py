"""Stages of the text recipe: some epochs over one corpus each, on the common loop. Each can be stopped at any
time and goes on at the last whole epoch.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mmer_core.encoders.sentences import Window
from mmer_core.training.history import Fitted
from mmer_core.training.loop import Loop, LoopConfig, WarmUpCosine
from recipes.words.corpora import Utterances, log_prior, without_punctuation
from recipes.words.distillation import SOFT_LABELS, read_soft_labels
from recipes.words.network import TextClassifier
from recipes.words.recipes import Recipe, TextTraining

_NOT_OF_A_STAGE = (
    "recipes",
    "seeds",
    "writes_soft_labels",
    "distillation",
    "distillation_epochs",
    "replayed",
)


@dataclass(frozen=True)
class TextBatch:
    """B tokenised texts; their positions (B,) in the stage's corpora; whether each has its context, (B,)."""

    rows: Sequence[Window]
    index: np.ndarray
    in_dialogue: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)


class StageBatches:
    """Batches of one corpus, some of its texts without punctuation or behind the turns before them; each
    epoch follows from its number and the seed.

    A network forgets another corpus that it learned before unless it goes on seeing some of it (replay, or
    rehearsal; Robins 1995). The class frequencies differ there, so the logits of a replayed utterance are
    shifted by the logarithm of the frequencies' ratio before its loss: the network's own frequencies stay
    those of `corpus`.

    Args:
        classifier: what is trained; its options say how.
        corpus: the utterances.
        in_dialogue: share of the utterances that an epoch shows behind the turns before them.
        soft_labels: (2, N, C) float32 probabilities by a teacher for the utterances alone and behind those
            turns; None without one.
        replay: another corpus, of which each epoch shows as many utterances as the options say; they have no
            turns before them and no teacher.
    """

    def __init__(
        self,
        classifier: TextClassifier,
        corpus: Utterances,
        *,
        in_dialogue: float = 0.0,
        soft_labels: Tensor | None = None,
        replay: Utterances | None = None,
    ) -> None:
        self.classifier, self.in_dialogue, self.soft_labels = classifier, in_dialogue, soft_labels
        plain = [without_punctuation(text) for text in corpus.texts]
        contexts = corpus.contexts()
        # by whether punctuation is gone, and whether the turns before are there
        self.rows = {
            (gone, behind): classifier.tokens(plain if gone else corpus.texts, contexts if behind else None)
            for gone in (0, 1)
            for behind in (0, 1)
        }
        self.own, self.labels = len(corpus), torch.from_numpy(corpus.labels)
        if replay is not None:
            more = [
                classifier.tokens(texts)
                for texts in (replay.texts, [without_punctuation(text) for text in replay.texts])
            ]
            self.rows = {(gone, behind): rows + more[gone] for (gone, behind), rows in self.rows.items()}
            self.labels = torch.cat([self.labels, torch.from_numpy(replay.labels)])
            self.logit_shift = torch.from_numpy(log_prior(replay.labels) - log_prior(corpus.labels))
        self.replayed = min(classifier.options.replayed, len(self.labels) - self.own)

    def __len__(self) -> int:
        return math.ceil((self.own + self.replayed) / self.classifier.options.batch)

    def epoch(self, number: int) -> Iterator[TextBatch]:
        """Every utterance of the corpus once, and some of those to be replayed."""
        options, seed = self.classifier.options, self.classifier.seed
        torch.manual_seed(seed * 1000 + number)  # dropout
        rng = np.random.default_rng((seed, number))
        gone = rng.random(len(self.labels)) < options.unpunctuated
        behind = np.zeros(len(self.labels), dtype=bool)
        if self.in_dialogue:
            behind[: self.own] = rng.random(self.own) < self.in_dialogue
        rows = [self.rows[int(a), int(b)][i] for i, (a, b) in enumerate(zip(gone, behind, strict=True))]
        shown = self.shown(rng)
        # texts of like length together, so that little is padding, in another mixture each time
        order = shown[np.argsort([len(rows[i].tokens) for i in shown] + 4 * rng.random(len(shown)))]
        batches = [order[i : i + options.batch] for i in range(0, len(order), options.batch)]
        for which in rng.permutation(len(batches)):
            index = batches[which]
            yield TextBatch([rows[i] for i in index], index, behind[index])

    def shown(self, rng: np.random.Generator) -> np.ndarray:
        """Positions of the utterances that an epoch shows, drawn with `rng`."""
        if not self.replayed:
            return np.arange(self.own)
        replay = rng.choice(len(self.labels) - self.own, self.replayed, replace=False)
        return np.concatenate([np.arange(self.own), self.own + replay])

    def loss(self, classifier: TextClassifier, batch: TextBatch) -> Tensor:
        """`loss_of_logits` of the classifier's logits."""
        return self.loss_of_logits(classifier(batch.rows), batch)

    def loss_of_logits(self, logits: Tensor, batch: TextBatch) -> Tensor:
        """Cross-entropy of logits (B, C) with the labels, and with the soft labels if there is a teacher."""
        options = self.classifier.options
        own = torch.from_numpy(batch.index < self.own)
        if self.replayed:
            logits = torch.where(own[:, None], logits, logits + self.logit_shift)
        loss = functional.cross_entropy(
            logits, self.labels[batch.index], label_smoothing=options.label_smoothing, reduction="none"
        )
        if self.soft_labels is not None:
            rows = own.numpy()
            behind = torch.from_numpy(batch.in_dialogue[rows].astype(np.int64))
            target = self.soft_labels[behind, torch.from_numpy(batch.index[rows])]
            soft = functional.cross_entropy(logits[own], target, reduction="none")
            share = options.distillation
            loss = loss.masked_scatter(own, (1 - share) * loss[own] + share * soft)
        return loss.mean()

    def identity(self) -> dict[str, Any]:
        """The settings and data that a checkpoint belongs to."""
        options = {k: v for k, v in self.classifier.options.to_json().items() if k not in _NOT_OF_A_STAGE}
        found: dict[str, Any] = {
            "in_dialogue": self.in_dialogue,
            "utterances": self.own,
            "seed": self.classifier.seed,
        }
        if self.soft_labels is not None:
            found["distillation"] = self.classifier.options.distillation
            found["soft_labels"] = round(float(self.soft_labels.double().square().sum()), 3)
        if self.replayed:
            found["replay"] = [self.replayed, len(self.labels) - self.own]
        return {**found, "options": options}


def train_stage(
    name: str,
    classifier: TextClassifier,
    batches: StageBatches,
    *,
    epochs: int,
    rate: float,
    checkpoint: Path,
) -> Fitted:
    """Train a classifier in place, from the checkpoint on if there is one.

    Raises:
        ValueError: the checkpoint belongs to another training.
    """
    options = classifier.options
    loop = Loop(
        classifier,
        batches,
        batches.loss,
        LoopConfig(epochs=epochs, learning_rate=rate, weight_decay=options.weight_decay, clip_norm=1.0),
        schedule=WarmUpCosine((epochs,), options.warm_up),
        checkpoint=checkpoint,
        identity=json.dumps({"stage": name, "epochs": epochs, "rate": rate, **batches.identity()}),
    )
    return loop.run(
        lambda row: print(f"words: {name}: epoch {row['epoch']}, loss {row['train_loss']:.4f}", flush=True)
    )


class Stages:
    """The stages of one recipe, each with a checkpoint in `work` by its number: one on comments, from which
    those on MELD's utterances go on.

    Args:
        work: folder of the checkpoints.
        teacher: the folder with a teacher's soft labels.
        options: the settings.
        comments: GoEmotions' training part.
        seed: of the stage on comments.

    Attributes:
        fitted: {name of a stage: how it went}.
    """

    def __init__(
        self, work: Path, teacher: Path, options: TextTraining, comments: Utterances, seed: int
    ) -> None:
        self.work, self.teacher, self.options, self.comments = work, teacher, options, comments
        self.fitted: dict[str, Fitted] = {}
        classifier = TextClassifier(options, seed)
        self._fresh = classifier.tensors()
        batches = StageBatches(classifier, comments)
        self._run("GoEmotions", classifier, batches, options.first_epochs, options.first_rate)
        self._pretrained = classifier.tensors()

    def run(
        self,
        name: str,
        recipe: Recipe,
        corpus: Utterances,
        seed: int,
        soft_labels: str = SOFT_LABELS,
        *,
        replay: bool = False,
    ) -> dict[str, Tensor]:
        """Train by a recipe on MELD's utterances; returns the trained tensors.

        Args:
            name: tells this training from the others.
            recipe: what it begins with and learns from.
            corpus: the utterances.
            seed: of this training.
            soft_labels: the file of those to learn from, if the recipe has a teacher.
            replay: also show comments in each pass.
        """
        options = self.options
        classifier = TextClassifier(options, seed)
        classifier.load(self._pretrained if recipe.pretraining else self._fresh)
        batches = StageBatches(
            classifier,
            corpus,
            in_dialogue=options.in_dialogue if recipe.in_dialogue else 0.0,
            soft_labels=read_soft_labels(self.teacher / soft_labels, corpus) if recipe.distilled else None,
            replay=self.comments if replay else None,
        )
        epochs = options.distillation_epochs if recipe.distilled else options.epochs
        self._run(name, classifier, batches, epochs, options.rate)
        return classifier.tensors()

    def _run(
        self, name: str, classifier: TextClassifier, batches: StageBatches, epochs: int, rate: float
    ) -> None:
        checkpoint = self.work / f"text_stage_{len(self.fitted)}.safetensors"
        self.fitted[name] = train_stage(
            name, classifier, batches, epochs=epochs, rate=rate, checkpoint=checkpoint
        )
