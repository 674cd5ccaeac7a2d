"""One network of a stack (see `crossval.stacks`): its inputs, its batches and its best epoch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from mmer_core.crossval.experiment import Part
from mmer_core.evaluation.folds import Fold
from mmer_core.features.table import FeatureTable
from mmer_core.fusion.early import EarlyFusion
from mmer_core.fusion.unimodal import Unimodal
from mmer_core.training import inputs, loop
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
        vector: its weights, one after the other: what the optimizer steps.
        order: draws the batches.
        best: chooses the epoch.
    """

    job: Job
    x: Tensor
    targets: Tensor
    share: Tensor
    y: Tensor
    vector: nn.Parameter
    order: torch.Generator
    best: BestEpoch
    history: list[dict[str, float]] = field(default_factory=list)
    kept: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job) -> Member:
        """Prepare a network and read its inputs; ValueError if there is nothing to train on."""
        network, table, config = job.network, job.table, job.part.training
        train, validation = inputs.parts_having(
            table, job.fold.train, job.fold.validation, network.modalities
        )
        loop.prepare(network, table, train)
        weight = loop.class_weights(table.y[train], len(table.labels), config.class_weights)
        targets, share = loss_targets(
            torch.from_numpy(table.y[train]), len(table.labels), weight, config.label_smoothing
        )
        return cls(
            job,
            classifier_inputs(network, table, train, validation),
            F.pad(targets, (0, 0, 0, 1)).to(inputs.device_of(network)),
            F.pad(share, (0, 1)).to(inputs.device_of(network)),
            torch.from_numpy(table.y[validation]),
            nn.Parameter(parameters_to_vector(network.classifier.parameters()).detach()),
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

    def batches(self, steps: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """The batches of an epoch in random order, filled up with padding.

        Returns:
            Rows (steps, size); by what minus their log probabilities are weighted in the mean loss of their
            batch, (steps, size, C); and on the processor how many rows are not padding, (steps,).
        """
        order = torch.randperm(self.padding, generator=self.order)
        rows = F.pad(order, (0, steps * size - self.padding), value=self.padding).view(steps, size)
        sizes, rows = (rows != self.padding).sum(1), rows.to(self.x.device)
        share = self.share[rows].sum(1).clamp_min(1e-12)
        return rows, self.targets[rows] / share[:, None, None], sizes

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
        self.job.network.load_state_dict(self.kept)
        self.job.network.eval()
        return Fitted(tuple(self.history), self.best.epoch, self.best.score)


@torch.no_grad()
def classifier_inputs(
    network: PlainNetwork, table: FeatureTable, train: np.ndarray, validation: np.ndarray
) -> Tensor:
    """(n + 1 + k, W) float32: what the network's classifier is given for n and k utterances, without dropout,
    and zeros between them.
    """
    network.eval()
    device, width = inputs.device_of(network), network.classifier[0].in_features
    x = torch.zeros(len(train) + 1 + len(validation), cast(int, width), device=device)
    classifier, network.classifier = network.classifier, cast(nn.Sequential, nn.Identity())
    try:
        for out, rows in ((x[: len(train)], train), (x[len(train) + 1 :], validation)):
            pieces = list(inputs.chunks(table, rows))
            for piece, place in zip(pieces, out.split([len(one) for one in pieces]), strict=True):
                place.copy_(network.fuse(network.read(table.batch(piece).to(device))).logits)
    finally:
        network.classifier = classifier
    return x


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
