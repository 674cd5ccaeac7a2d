"""One network of a stack (see `crossval.stacks`): its inputs, its batches and its best epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core.crossval.experiment import Part
from mmer_core.evaluation.folds import Fold
from mmer_core.features.table import FeatureTable
from mmer_core.fusion.early import EarlyFusion
from mmer_core.fusion.unimodal import Unimodal
from mmer_core.training import inputs, loop
from mmer_core.training.inputs import InputSource
from mmer_core.training.loop import BestEpoch, Fitted

PlainNetwork = EarlyFusion | Unimodal


@dataclass(frozen=True)
class Job:
    """One plain network to train in one fold.

    Attributes:
        part: its name and settings.
        network: untrained, on the device where it is trained; trained in place.
        table: the features of its modalities.
        fold: its rows.
        seed: of batch order and dropout.
    """

    part: Part
    network: PlainNetwork
    table: FeatureTable
    fold: Fold
    seed: int

    @property
    def weights(self) -> int:
        """Number of trained weights."""
        return sum(p.numel() for p in self.network.parameters())


@dataclass
class Member:
    """One network of a stack, between its epochs.

    Attributes:
        job: what is trained.
        x: (n + 1 + k, W) inputs of the classifier: n rows train it, then comes one of padding, and k are its
            validation part.
        targets: (n + 1, C), by which minus the log probabilities are weighted in the loss.
        share: (n + 1,), what a row counts in the mean over a batch; 0 for padding.
        y: (k,) classes of the validation part.
        order: draws the batches.
        best: chooses the epoch.
    """

    job: Job
    x: Tensor
    targets: Tensor
    share: Tensor
    y: Tensor
    order: torch.Generator
    best: BestEpoch
    history: list[dict[str, float]] = field(default_factory=list)
    kept: dict[str, Tensor] = field(default_factory=dict)
    batches: Sequence[Tensor] = ()

    @classmethod
    def of(cls, job: Job) -> Member:
        """Prepare a network and read its inputs; ValueError if there is nothing to train on."""
        network, table, config = job.network, job.table, job.part.training
        train, validation = inputs.parts_having(
            table, job.fold.train, job.fold.validation, network.modalities
        )
        loop.prepare(network, table, train)
        source = InputSource(network, table, np.concatenate([train, validation]))
        x, rest = (classifier_inputs(network, source, rows) for rows in (train, validation))
        weight = loop.class_weights(table.y[train], len(table.labels), config.class_weights)
        targets, share = loss_targets(
            torch.from_numpy(table.y[train]), len(table.labels), weight, config.label_smoothing
        )
        return cls(
            job,
            torch.cat([x, torch.zeros_like(x[:1]), rest]),
            F.pad(targets, (0, 0, 0, 1)).to(x.device),
            F.pad(share, (0, 1)).to(x.device),
            torch.from_numpy(table.y[validation]),
            torch.Generator().manual_seed(job.seed),
            BestEpoch(config),
        )

    @property
    def classifier(self) -> nn.Sequential:
        """The part of the network that is trained."""
        return self.job.network.classifier

    @property
    def padding(self) -> int:
        """The row of padding; also the number of training rows."""
        return len(self.share) - 1

    @property
    def over(self) -> bool:
        """Whether its training has ended."""
        return bool(self.history) and self.best.over(len(self.history))

    def shuffle(self, size: int) -> None:
        """Draw the batches of an epoch."""
        self.batches = torch.randperm(self.padding, generator=self.order).split(size)

    def rows(self, step: int, size: int) -> Tensor:
        """(size,) rows of one batch, filled up with padding; on the network's device."""
        rows = self.batches[step] if step < len(self.batches) else self.batches[0][:0]
        return F.pad(rows, (0, size - len(rows)), value=self.padding).to(self.x.device)

    @torch.no_grad()
    def note(self, train_loss: float) -> dict[str, float]:
        """Take the end of an epoch into account; returns its row of the history."""
        number, rate = len(self.history) + 1, self.job.part.training.learning_rate
        loop.check_finite(train_loss, number, rate)
        logits = self.classifier.eval()(self.x[self.padding + 1 :])
        row = {"epoch": number, "train_loss": train_loss, **loop.validation_scores(logits.cpu(), self.y)}
        self.history.append(row | {"learning_rate": rate})
        if self.best.improves(self.history[-1]):
            self.kept = {name: value.clone() for name, value in self.job.network.state_dict().items()}
        return self.history[-1]

    def finish(self) -> Fitted:
        """Leave the weights of the best epoch in the network."""
        for parameter in self.classifier.parameters():
            parameter.grad = None
        self.job.network.load_state_dict(self.kept)
        self.job.network.eval()
        return Fitted(tuple(self.history), self.best.epoch, self.best.score)


@torch.no_grad()
def classifier_inputs(network: PlainNetwork, source: InputSource, rows: np.ndarray) -> Tensor:
    """(n, W) float32: what the network's classifier is given for these utterances, without dropout."""
    network.eval()
    classifier, network.classifier = network.classifier, cast(nn.Sequential, nn.Identity())
    try:
        every = [rows[:0]] if not len(rows) else inputs.chunks(source.table, rows)
        pieces = [source.take(torch.from_numpy(piece)) for piece in every]
        return torch.cat([network.fuse(piece).logits for piece in pieces])
    finally:
        network.classifier = classifier


def loss_targets(
    y: Tensor, classes: int, weight: Tensor | None, label_smoothing: float
) -> tuple[Tensor, Tensor]:
    """What makes `F.cross_entropy` a sum over rows: minus the sum of t · log p, divided by the sum of w.

    Returns:
        t (N, C) and w (N,), float32.
    """
    by_class = torch.ones(classes) if weight is None else weight
    share = by_class[y]
    hard = (1 - label_smoothing) * share[:, None] * F.one_hot(y, classes)
    return hard + label_smoothing / classes * by_class, share
