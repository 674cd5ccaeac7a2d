"""Networks of all folds trained together: those that are one classifier over inputs that stay the same.

They are so small (unimodal classifiers, early fusion) that the plain loop spends its time on everything but
arithmetic: it collates batches, builds graphs and passes over the weights in the optimizer, fold by fold.
Here inputs are read once, the weights of several folds are stacked and advance in one batched pass
(`torch.vmap`), the optimizer is one fused pass, and as many stacks train side by side as there are cores.

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
from torch import Tensor, nn
from torch.func import stack_module_state

from mmer_core import fusion
from mmer_core.crossval.experiment import Part
from mmer_core.crossval.stack_member import Job, Member, PlainNetwork
from mmer_core.features.table import FeatureTable
from mmer_core.fusion.early import EarlyFusion
from mmer_core.fusion.unimodal import Unimodal
from mmer_core.training.inputs import KEEP_BYTES, device_of
from mmer_core.training.loop import Fitted

__all__ = ["Job", "PlainNetwork", "Stack", "fit_all", "is_plain", "stacked"]

Progress = Callable[[Part, Mapping[str, Any]], None]
STACK_WEIGHTS = 2**21  # weights in one stack, at most: with gradients and moments it must stay in the cache


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
        # Dropout layers take masks, so that what is drawn does not depend on other threads.
        self.layers = [
            (name, layer)
            for name, layer in first.classifier.named_children()
            if not (isinstance(layer, nn.Dropout) and layer.p == 0)
        ]
        kind = torch.optim.AdamW if self.config.optimizer == "adamw" else torch.optim.Adam
        self.optimizer = kind(
            [p for job in jobs for p in job.network.classifier.parameters()],
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
        """Stack the weights of the networks that are not over; their parameters become views of the stack."""
        for member in self.members:
            for parameter in member.classifier.parameters():
                parameter.grad = None
        self.alive = [member for member in self.members if not member.over]
        if not self.alive:
            return
        stacked = stack_module_state([member.classifier for member in self.alive])[0]
        self.weights = {name: value.detach().requires_grad_() for name, value in stacked.items()}
        for k, member in enumerate(self.alive):
            for name, parameter in member.classifier.named_parameters():
                parameter.data = self.weights[name].detach()[k]

    def _epoch(self) -> None:
        """One epoch of every network that is not over."""
        for member in self.alive:
            member.shuffle(self.config.batch_size)
        steps = max(len(member.batches) for member in self.alive)
        losses = torch.stack([self._step(step) for step in range(steps)]).sum(0).tolist()
        for member, loss in zip(self.alive, losses, strict=True):
            self.notify(member.job, member.note(loss / member.padding))

    def _step(self, step: int) -> Tensor:
        """One batch of every network; returns (K,) losses times the rows that they are the means of."""
        sizes = [len(member.batches[step]) if step < len(member.batches) else 0 for member in self.alive]
        rows = [member.rows(step, max(sizes)) for member in self.alive]
        targets, share = (
            torch.stack([of[index] for of, index in zip(whole, rows, strict=True)])
            for whole in ([m.targets for m in self.alive], [m.share for m in self.alive])
        )
        x = self._inputs(rows)
        with torch.autocast(
            self.device.type, dtype=torch.bfloat16, enabled=self.config.precision == "bfloat16"
        ):
            logits = torch.vmap(self._forward)(self.weights, x, self._masks(len(rows), max(sizes)))
        each = (targets * logits.float().log_softmax(2)).sum((1, 2)).neg()
        losses = each / share.sum(1).clamp_min(1e-12)
        self._update(sizes, torch.autograd.grad(losses.sum(), list(self.weights.values())))
        return losses.detach() * torch.tensor(sizes, device=self.device)

    def _inputs(self, rows: Sequence[Tensor]) -> Tensor:
        """(K, B, W) inputs of a batch of each network, with input dropout."""
        x = torch.stack([member.x[index] for member, index in zip(self.alive, rows, strict=True)])
        if self.input_dropout:
            features = x[:, :, : self.features]
            features.mul_(self._mask(features.shape, self.input_dropout))
        return x

    def _masks(self, networks: int, size: int) -> dict[str, Tensor]:
        """{dropout layer: (K, W, B) mask}."""
        masks, width = {}, 0
        for name, layer in self.layers:
            if isinstance(layer, nn.Linear):
                width = layer.out_features
            if isinstance(layer, nn.Dropout):
                masks[name] = self._mask((networks, width, size), layer.p)
        return masks

    def _mask(self, shape: Sequence[int], p: float) -> Tensor:
        """0 with probability p, else 1 / (1 - p)."""
        draw = torch.rand(tuple(shape), generator=self.draws, device=self.device)
        return draw.ge_(p).mul_(1 / max(1 - p, 1e-12))

    def _forward(self, weights: Mapping[str, Tensor], x: Tensor, masks: Mapping[str, Tensor]) -> Tensor:
        """(B, C) logits of one network, given (B, W) inputs."""
        x = x.T  # in columns, so that gradients lie in memory as the weights do, which the optimizer needs
        for name, layer in self.layers:
            if isinstance(layer, nn.Linear):
                x = torch.addmm(weights[f"{name}.bias"][:, None], weights[f"{name}.weight"], x)
            else:
                x = x * masks[name] if name in masks else x.relu()
        return x.T

    def _update(self, sizes: Sequence[int], gradients: Sequence[Tensor]) -> None:
        """One step of the optimizer for the networks that had a batch; it passes over parameters without a
        gradient.
        """
        for k, (member, size) in enumerate(zip(self.alive, sizes, strict=True)):
            for (_, parameter), gradient in zip(member.classifier.named_parameters(), gradients, strict=True):
                parameter.grad = gradient[k] if size else None
        self.optimizer.step()
