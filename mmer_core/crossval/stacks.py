"""Plain stacks of layers (S0's unimodal classifiers and its early fusion), of all folds together.

These networks are so small that the obvious loop spends its time on everything but arithmetic: collating batches, building graphs, several
passes over the weights in the optimizer. Here inputs are standardised once, the networks of several folds are stacked and advance in one
batched product (see `stacked_layers`), the optimizer is one fused pass, and as many stacks train side by side as there are cores, each on one.

Results are those of `loop.fit` up to rounding: same first weights, same batches, same stopping (dropout draws from another stream).
`benchmarks/folds_together.py` measures them beside the obvious implementation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core import fusion
from mmer_core.crossval.experiment import Part
from mmer_core.crossval.stacked_layers import StackedLayers, loss_targets
from mmer_core.features.table import FeatureTable
from mmer_core.folds import Fold
from mmer_core.fusion.early import EarlyFusion
from mmer_core.fusion.unimodal import Unimodal
from mmer_core.training import evidence, loop
from mmer_core.training.evidence import KEEP_BYTES, EvidenceSource
from mmer_core.training.loop import BestEpoch, Fitted, TrainingError
from mmer_core.training.multitask import Network

Progress = Callable[[Part, Mapping[str, Any]], None]
STACK_WEIGHTS = 2**21  # weights in one stack, at most: with gradients and moments it must stay in the cache


@dataclass(frozen=True)
class Job:
    """One plain network to train in one fold.

    Attributes:
        part: what it is.
        network: untrained; trained in place.
        table: the features of its modalities.
        fold: its rows.
        seed: of batch order and dropout.
    """

    part: Part
    network: Network
    table: FeatureTable
    fold: Fold
    seed: int

    @property
    def weights(self) -> int:
        return sum(p.numel() for p in self.network.parameters())


def is_plain(part: Part, table: FeatureTable) -> bool:
    """Whether a part can be trained here: one stack of linear layers, ReLU and dropout over inputs that no setting changes from step to step."""
    kind, config = fusion.factory(part.fusion), part.training
    if kind not in (Unimodal, EarlyFusion) or dict(part.options).get("input_dropout"):
        return False
    steady = not (config.modality_dropout or config.sentiment_weight or config.clip_norm or config.plateau_factor < 1)
    small = 4 * len(table) * sum(table.using(part.modalities).dims.values()) <= KEEP_BYTES
    return steady and small and (table.vectors or not config.augments)


def fit_all(jobs: Sequence[Job], progress: Progress | None = None) -> list[Fitted]:
    """Train plain networks together. The results do not depend on how many cores there are.

    Raises:
        TrainingError: the loss of one is no longer finite.
        ValueError: one has nothing to train on.
    """
    stop = threading.Event()

    def notify(job: Job, row: Mapping[str, Any]) -> None:
        if stop.is_set():
            raise CancelledError
        if progress is not None:
            progress(job.part, row)

    def work(stack: Sequence[int]) -> list[Fitted]:
        torch.set_num_threads(1)
        return _Stack([jobs[i] for i in stack], notify).fit()

    stacks = sorted(stacked(jobs), key=lambda stack: -sum(jobs[i].weights for i in stack))  # the largest first: threads end together
    threads = torch.get_num_threads()
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        fitted = dict(pair for stack, results in zip(stacks, pool.map(work, stacks), strict=True) for pair in zip(stack, results, strict=True))
    finally:
        stop.set()  # after an error or Ctrl-C the other networks end with their epoch
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
    return [fitted[i] for i in range(len(jobs))]


def stacked(jobs: Sequence[Job]) -> list[list[int]]:
    """Which jobs share a stack: the folds of one kind of network, as many as stay in the cache together."""
    kinds: dict[Part, list[int]] = {}
    for i, job in enumerate(jobs):
        kinds.setdefault(replace(job.part, fold=0), []).append(i)
    stacks = []
    for members in kinds.values():
        size = max(1, STACK_WEIGHTS // jobs[members[0]].weights)
        stacks += [members[begin : begin + size] for begin in range(0, len(members), size)]
    return stacks


@torch.no_grad()
def classifier_inputs(network: Network, source: EvidenceSource, rows: Tensor) -> Tensor:
    """(n, W) float32: what the network's classifier is given for these utterances. With the classifier taken out, it comes out."""
    network.eval()
    classifier, network.classifier = network.classifier, nn.Identity()
    try:
        pieces = [source.take(torch.from_numpy(piece)) for piece in evidence.chunks(source.table, rows.numpy())]
        return torch.cat([network.fuse(piece).logits for piece in pieces])  # type: ignore[operator]
    finally:
        network.classifier = classifier


@dataclass
class _Member:
    """One network of a stack, between its epochs: the first `train` rows of the inputs train it, the rest is its inner part."""

    job: Job
    inputs: Tensor
    y: Tensor
    train: int
    order: torch.Generator
    targets: tuple[Tensor, Tensor, Tensor]
    weight: Tensor | None
    best: BestEpoch
    history: list[dict[str, float]] = field(default_factory=list)
    kept: dict[str, Tensor] = field(default_factory=dict)
    batches: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, job: Job) -> _Member:
        network, table, config = job.network, job.table, job.part.training
        train, inner = (evidence.having(table, rows, network.modalities) for rows in (job.fold.train, job.fold.inner))
        if not len(train):
            raise ValueError(f"no training utterance has {' or '.join(network.modalities)} features: check what was extracted")
        loop.prepare(network, table, train)
        both = np.concatenate([train, inner])
        y = torch.from_numpy(table.y[both])
        weight = loop.class_weights(table.y[train], len(table.labels), config.class_weights)
        return cls(
            job=job,
            inputs=classifier_inputs(network, EvidenceSource(network, table, both), torch.from_numpy(both)),
            y=y,
            train=len(train),
            order=torch.Generator().manual_seed(job.seed),
            targets=loss_targets(y[: len(train)], len(table.labels), weight, config.label_smoothing),
            weight=weight,
            best=BestEpoch(config),
        )

    @property
    def over(self) -> bool:
        return bool(self.history) and self.best.over(len(self.history))

    def gradient(self, logits: Tensor, rows: Tensor) -> Tensor:
        """(B, C): that of the batch's loss by its logits."""
        scale, target, share = (t.index_select(0, rows) for t in self.targets)
        return logits.softmax(1).mul_(scale).sub_(target).div_(share.sum())

    def train_loss(self) -> float:
        """Mean over the epoch of each batch's loss, as `loop.fit` reports it."""
        options: dict[str, Any] = {"weight": self.weight, "label_smoothing": self.job.part.training.label_smoothing}
        if self.weight is None:  # then it is the mean over the utterances
            return float(F.cross_entropy(torch.cat(self.logits), self.y[torch.cat(self.batches)], **options))
        losses = [F.cross_entropy(z, self.y[rows], **options) * len(rows) for z, rows in zip(self.logits, self.batches, strict=True)]
        return float(torch.stack(losses).sum() / self.train)


class _Stack:
    """Networks of one kind that train together."""

    def __init__(self, jobs: Sequence[Job], notify: Callable[[Job, Mapping[str, Any]], None]) -> None:
        self.config, self.notify = jobs[0].part.training, notify
        self.members = [_Member.of(job) for job in jobs]
        self.layers = StackedLayers([job.network.classifier for job in jobs], self.config)  # type: ignore[misc]
        for member in self.members:
            member.inputs = member.inputs.to(self.layers.input_kind)
        self.draws = torch.Generator().manual_seed(jobs[0].seed + 1)
        self.parameters = [[p for p in job.network.parameters() if p.grad is not None] for job in jobs]
        self.gradients = [[p.grad for p in parameters] for parameters in self.parameters]
        kind = torch.optim.AdamW if self.config.optimizer == "adamw" else torch.optim.Adam
        every = [p for parameters in self.parameters for p in parameters]
        self.optimizer = kind(every, lr=self.config.learning_rate, weight_decay=self.config.weight_decay, fused=True)

    @torch.no_grad()
    def fit(self) -> list[Fitted]:
        """Train until the last network is over; each keeps the weights of its best epoch."""
        while not all(member.over for member in self.members):
            self._epoch()
        for member, parameters in zip(self.members, self.parameters, strict=True):
            for parameter in parameters:
                parameter.grad = None
            member.job.network.load_state_dict(member.kept)
            member.job.network.eval()
        return [Fitted(tuple(member.history), member.best.epoch, member.best.score) for member in self.members]

    def _epoch(self) -> None:
        """One epoch of every network that is not over."""
        alive = [k for k, member in enumerate(self.members) if not member.over]
        for k in alive:
            member = self.members[k]
            member.batches = list(torch.randperm(member.train, generator=member.order).split(self.config.batch_size))
            member.logits = []
        for step in range(max(len(self.members[k].batches) for k in alive)):
            now = [k for k in alive if step < len(self.members[k].batches)]
            sizes = {len(self.members[k].batches[step]) for k in now}
            together = len(now) == len(self.members) and len(sizes) == 1
            for which in [now] if together else [[k] for k in now]:
                self._step(which, step)
        for k in alive:
            self._note(k)

    def _step(self, which: list[int], step: int) -> None:
        """One batch of the networks `which`: all, or a single one."""
        chosen = slice(which[0], which[-1] + 1)
        members = [self.members[k] for k in which]
        rows = [member.batches[step] for member in members]
        x = torch.empty(len(members), len(rows[0]), members[0].inputs.shape[1], dtype=members[0].inputs.dtype)
        for i, member in enumerate(members):
            torch.index_select(member.inputs, 0, rows[i], out=x[i])
        logits = self.layers.forward(x, chosen, self.draws)
        for member, z in zip(members, logits, strict=True):
            member.logits.append(z)
        self.layers.backward(torch.stack([m.gradient(z, r) for m, z, r in zip(members, logits, rows, strict=True)]), chosen)
        self._update(which)
        self.layers.updated(chosen)

    def _update(self, which: list[int]) -> None:
        """One step of the optimizer for these networks; it passes over parameters without a gradient."""
        for k, (parameters, gradients) in enumerate(zip(self.parameters, self.gradients, strict=True)):
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient if k in which else None
        self.optimizer.step()

    def _note(self, k: int) -> None:
        """The end of one network's epoch: its scores, and whether its weights are the best so far."""
        member = self.members[k]
        number = len(member.history) + 1
        loss = member.train_loss()
        if not np.isfinite(loss):
            raise TrainingError(f"the loss is no longer a number in epoch {number}: lower --learning-rate (now {self.config.learning_rate:g})")
        inner = self.layers.forward(member.inputs[None, member.train :], slice(k, k + 1))[0]
        row = {"epoch": number, "train_loss": loss, **loop.inner_scores(inner, member.y[member.train :])}
        member.history.append(row | {"learning_rate": self.config.learning_rate})
        if member.best.improves(member.history[-1]):
            member.kept = {name: value.clone() for name, value in member.job.network.state_dict().items()}
        self.notify(member.job, member.history[-1])
