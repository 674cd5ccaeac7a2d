"""Networks of all folds trained together: those that are one classifier over inputs that stay the same.

They are so small (unimodal classifiers, early fusion) that the plain loop spends its time on everything but
arithmetic: it collates batches, builds graphs and passes over the weights in the optimizer, fold by fold.
Here inputs are read once, the weights of several folds are stacked and advance in one batched pass, the
optimizer is one fused pass, and as many stacks train side by side as there are cores.

Results are those of `loop.fit` up to rounding: same first weights, same batches, same stopping (dropout draws
from another stream). `benchmarks/folds_together.py` measures both.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from mmer_core import fusion
from mmer_core.crossval.experiment import Part
from mmer_core.crossval.stack_member import Job, Member, PlainNetwork
from mmer_core.crossval.stacked_layers import StackedLayers, draw_mask
from mmer_core.features.table import FeatureTable
from mmer_core.fusion.early import EarlyFusion
from mmer_core.fusion.unimodal import Unimodal
from mmer_core.training.inputs import KEEP_BYTES, device_of
from mmer_core.training.loop import Fitted

__all__ = ["Job", "PlainNetwork", "Stack", "fit_all", "is_plain", "stacked"]

Progress = Callable[[Part, Mapping[str, Any]], None]
STACK_WEIGHTS = 2**20  # weights in one stack, at most: with gradients and moments it must stay in the cache


def is_plain(part: Part, table: FeatureTable) -> bool:
    """Whether a part can be trained here: linear layers, ReLU and dropout over inputs that no setting but
    dropout changes from step to step.
    """
    config = part.training
    steady = not (
        config.modality_dropout or config.sentiment_weight or config.clip_norm or config.plateau_factor < 1
    )
    small = 4 * len(table) * sum(table.using(part.modalities).dims.values()) <= KEEP_BYTES
    plain = fusion.factory(part.fusion) in (Unimodal, EarlyFusion)
    return plain and steady and small and (table.vectors or not config.augments)


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
        return Stack([jobs[i] for i in stack], notify).fit()

    # The largest first: then the threads end together.
    stacks = sorted(stacked(jobs), key=lambda stack: -sum(jobs[i].weights for i in stack))
    threads = torch.get_num_threads()
    on_processor = all(device_of(job.network).type == "cpu" for job in jobs)
    pool = ThreadPoolExecutor(max_workers=threads if on_processor else 1)
    try:
        fitted = dict(
            pair
            for stack, results in zip(stacks, pool.map(work, stacks), strict=True)
            for pair in zip(stack, results, strict=True)
        )
    finally:
        stop.set()  # after an error or Ctrl-C the other networks end with their epoch
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
    return [fitted[i] for i in range(len(jobs))]


def stacked(jobs: Sequence[Job]) -> list[list[int]]:
    """Which jobs share a stack: the folds of one kind of network, as many as stay in the cache together."""
    kinds: dict[Part, list[int]] = {}
    for i, job in enumerate(jobs):
        kind = replace(job.part, fold=0, training=replace(job.part.training, epochs=1))
        kinds.setdefault(kind, []).append(i)
    stacks = []
    for members in kinds.values():
        size = max(1, STACK_WEIGHTS // jobs[members[0]].weights)
        stacks += [members[begin : begin + size] for begin in range(0, len(members), size)]
    return stacks


class Stack:
    """Plain networks of one kind that train in step; those that have ended leave the stack.

    Args:
        jobs: networks of the same shape and settings; only their number of epochs may differ.
        notify: called with a job and the row of its history after each of its epochs.
    """

    def __init__(self, jobs: Sequence[Job], notify: Callable[[Job, Mapping[str, Any]], None]) -> None:
        self.config, self.notify = jobs[0].part.training, notify
        self.device = device_of(jobs[0].network)
        self.members = [Member.of(job) for job in jobs]
        self.draws = torch.Generator(self.device).manual_seed(jobs[0].seed + 1)
        first = jobs[0].network
        self.features = cast(int, first.input_size)  # input dropout leaves the columns after them
        self.input_dropout = first.input_dropout.p
        kind = torch.optim.AdamW if self.config.optimizer == "adamw" else torch.optim.Adam
        self.optimizer = kind(
            [member.vector for member in self.members],
            lr=self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            fused=True,
        )
        self._stack()

    def fit(self) -> list[Fitted]:
        """Train until the last network is over; each keeps the weights of its best epoch."""
        while self.alive:
            self._epoch()
            if any(member.over for member in self.alive):
                self._stack()
        return [member.finish() for member in self.members]

    def _stack(self) -> None:
        """Stack the weights of the networks that are not over."""
        for member in self.members:
            member.vector.grad = None
        self.alive = [member for member in self.members if not member.over]
        if not self.alive:
            return
        self.layers = StackedLayers(
            [member.classifier for member in self.alive], half=self.config.precision == "bfloat16"
        )
        for member, own in zip(self.alive, self.layers.parameters, strict=True):
            member.vector.data = own
        size = min(self.config.batch_size, max(member.padding for member in self.alive))
        self.x = torch.empty(len(self.alive), size, self.alive[0].x.shape[1], device=self.device)
        self.mask = torch.empty(size, self.features, device=self.device)

    @torch.no_grad()
    def _epoch(self) -> None:
        """One epoch of every network that is not over."""
        size = self.x.shape[1]
        steps = -(-max(member.padding for member in self.alive) // size)
        rows, targets, sizes = map(
            torch.stack, zip(*(member.batches(steps, size) for member in self.alive), strict=True)
        )
        batches = zip(rows.unbind(1), targets.unbind(1), sizes.T.tolist(), strict=True)
        log = torch.stack([self._step(*batch) for batch in batches], 1)
        losses = (targets * log).sum((2, 3)).neg().cpu() * sizes
        for member, loss in zip(self.alive, losses.sum(1).tolist(), strict=True):
            self.notify(member.job, member.note(loss / member.padding))

    def _step(self, rows: Tensor, targets: Tensor, sizes: Sequence[int]) -> Tensor:
        """One batch of every network that has one; returns the (K, B, C) log probabilities.

        Args:
            rows: (K, B).
            targets: (K, B, C), see `Member.batches`.
            sizes: K, rows that are not padding.
        """
        values = self.layers.forward(self._inputs(rows), self.layers.masks(rows.shape[1], self.draws))
        log = values[-1].log_softmax(2)
        self.layers.backward(values, log.exp().mul_(targets.sum(2, keepdim=True)).sub_(targets))
        for member, gradient, size in zip(self.alive, self.layers.gradients, sizes, strict=True):
            member.vector.grad = gradient if size else None  # the optimizer passes over what has none
        self.optimizer.step()
        return log

    def _inputs(self, rows: Tensor) -> Tensor:
        """(K, B, W) inputs of a batch of each network, with input dropout; those of the next batch overwrite
        them. What is hidden is drawn once and holds for every network.
        """
        for member, own, x in zip(self.alive, rows, self.x, strict=True):
            torch.index_select(member.x, 0, own, out=x)
        if self.input_dropout:
            self.x[:, :, : self.features].mul_(draw_mask(self.mask, self.input_dropout, self.draws))
        return self.x
