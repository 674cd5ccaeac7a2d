"""Plain stacks of layers (S0's unimodal classifiers and its early fusion), of all folds at once.

These networks are so small that the obvious loop spends its time on everything but arithmetic: collating batches, building graphs, several
passes over the weights in the optimizer. Here inputs are standardised once, gradients are written out, the optimizer is one fused pass, and as
many networks train side by side as there are cores, each on one, so that its weights and moments stay in the cache. Stacking the weights of all
folds into one batched product was measured too: it does the same arithmetic, but its weights and moments no longer fit into the cache.

Results are those of `training.fit` up to rounding: same first weights, same batches, same stopping (dropout draws from another stream).
`benchmarks/folds_together.py` measures both beside the obvious implementation.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core import evidence, fusion, training
from mmer_core.evidence import KEEP_BYTES, EvidenceSource
from mmer_core.experiment import Part
from mmer_core.feature_table import FeatureTable
from mmer_core.folds import Fold
from mmer_core.fusion.early import EarlyFusion
from mmer_core.fusion.unimodal import Unimodal
from mmer_core.multitask import Network
from mmer_core.training import BestEpoch, Fitted, TrainingError
from mmer_core.training_config import TrainingConfig

Progress = Callable[[Part, Mapping[str, Any]], None]
LOW_PRECISION_FROM = 2**17  # weights of a layer from which bfloat16 products pay for their conversions


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


def is_plain(part: Part, table: FeatureTable) -> bool:
    """Whether a part can be trained here: one stack of linear layers, ReLU and dropout over inputs that no setting changes from step to step."""
    kind, config = fusion.factory(part.fusion), part.training
    if kind not in (Unimodal, EarlyFusion) or dict(part.options).get("input_dropout"):
        return False
    steady = not (config.modality_dropout or config.sentiment_weight or config.clip_norm or config.plateau_factor < 1)
    small = 4 * len(table) * sum(table.using(part.modalities).dims.values()) <= KEEP_BYTES
    return steady and small and (table.vectors or not config.augments)


def fit_all(jobs: Sequence[Job], progress: Progress | None = None) -> list[Fitted]:
    """Train plain networks side by side, one core each; the results do not depend on how many cores there are.

    Raises:
        TrainingError: the loss of one is no longer finite.
        ValueError: one has nothing to train on.
    """
    stop = threading.Event()

    def work(job: Job) -> Fitted:
        torch.set_num_threads(1)

        def notify(row: Mapping[str, Any]) -> None:
            if stop.is_set():
                raise CancelledError
            if progress is not None:
                progress(job.part, row)

        return _fit(job, notify)

    threads = torch.get_num_threads()
    largest_first = sorted(range(len(jobs)), key=lambda i: -sum(w.numel() for w in jobs[i].network.parameters()))
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        fitted = dict(zip(largest_first, pool.map(lambda i: work(jobs[i]), largest_first), strict=True))
    finally:
        stop.set()  # after an error or Ctrl-C the other networks end with their epoch
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
    return [fitted[i] for i in range(len(jobs))]


def _fit(job: Job, progress: training.Progress) -> Fitted:
    """`training.fit` for a plain network."""
    network, table, config = job.network, job.table, job.part.training
    train_rows, inner_rows = (evidence.having(table, rows, network.modalities) for rows in (job.fold.train, job.fold.inner))
    if not len(train_rows):
        raise ValueError(f"no training utterance has {' or '.join(network.modalities)} features: check what was extracted")
    training.prepare(network, table, train_rows)
    both = np.concatenate([train_rows, inner_rows])
    inputs = classifier_inputs(network, EvidenceSource(network, table, both), torch.from_numpy(both))
    loop = _Loop(job, inputs, torch.from_numpy(table.y[both]), len(train_rows))
    best = BestEpoch(config)
    history: list[dict[str, float]] = []
    kept: dict[str, Tensor] = {}
    while not history or not best.over(len(history)):
        history.append(loop.epoch(len(history) + 1))
        if best.improves(history[-1]):
            kept = {name: value.clone() for name, value in network.state_dict().items()}
        progress(history[-1])
    network.load_state_dict(kept)
    for parameter in network.parameters():
        parameter.grad = None
    network.eval()
    return Fitted(tuple(history), best.epoch, best.score)


@torch.no_grad()
def classifier_inputs(network: Network, source: EvidenceSource, rows: Tensor) -> Tensor:
    """(n, W) float32: what the network's classifier is given for these utterances, taken where it enters."""
    seen: list[Tensor] = []
    network.eval()
    handle = network.classifier.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))  # type: ignore[union-attr]
    try:
        for piece in evidence.chunks(source.table, rows.numpy()):
            network.decide(source.take(torch.from_numpy(piece)))
    finally:
        handle.remove()
    return torch.cat(seen)


def loss_targets(y: Tensor, classes: int, weight: Tensor | None, label_smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
    """What makes the gradient of `F.cross_entropy` by the logits one line: (s · softmax - t) / sum of w over the batch.

    Returns:
        s (N, 1), t (N, C) and w (N, 1), float32.
    """
    by_class = torch.ones(classes) if weight is None else weight
    w = by_class[y][:, None]
    spread = label_smoothing / classes
    return (1 - label_smoothing) * w + spread * by_class.sum(), (1 - label_smoothing) * w * F.one_hot(y, classes) + spread * by_class, w


class _Layer:
    """One linear layer, its ReLU and its dropout, with gradients written out."""

    def __init__(self, linear: nn.Linear, dropout: float | None, config: TrainingConfig) -> None:
        self.weight, self.bias = linear.weight, linear.bias
        self.hidden, self.dropout = dropout is not None, dropout or 0.0
        low = config.precision == "bfloat16" and self.weight.numel() >= LOW_PRECISION_FROM
        self.kind = torch.bfloat16 if low else torch.float32
        self.product = self.weight.detach().to(self.kind)  # shares memory with the weight unless it is low precision
        self.bias_product = self.bias.detach().to(self.kind)
        self.weight.grad, self.bias.grad = torch.zeros_like(self.weight), torch.zeros_like(self.bias)
        self.gradient = torch.empty_like(self.product) if low else self.weight.grad

    def forward(self, x: Tensor, draws: torch.Generator | None) -> Tensor:
        """(B, in) to (B, out); with a generator, dropout is on."""
        self.x = x if x.dtype == self.kind else x.to(self.kind)
        z = torch.addmm(self.bias_product, self.x, self.product.t())
        if not self.hidden:
            return z.float()
        z = z.relu_()
        if draws is not None and self.dropout:
            z = z * (torch.rand(z.shape, generator=draws) >= self.dropout).to(z.dtype) / (1 - self.dropout)
        self.out = z
        return z

    def backward(self, g: Tensor, first: bool) -> Tensor:
        """Gradient by the output, (B, out), to gradient by the input; sets those of weight and bias."""
        if self.hidden:
            # Where the output is 0, ReLU or dropout let nothing through.
            g = g * (self.out > 0) / (1 - self.dropout)
        low = g.to(self.kind)
        torch.mm(low.t(), self.x, out=self.gradient)
        if self.gradient is not self.weight.grad:
            self.weight.grad.copy_(self.gradient)  # type: ignore[union-attr]
        torch.sum(g.float(), 0, out=self.bias.grad)
        return g if first else torch.mm(low, self.product).float()

    def updated(self) -> None:
        """The optimizer has changed the weights."""
        if self.kind != torch.float32:
            self.product.copy_(self.weight.detach())
            self.bias_product.copy_(self.bias.detach())


def _layers(classifier: nn.Sequential, config: TrainingConfig) -> list[_Layer]:
    modules = list(classifier)
    linears = [i for i, module in enumerate(modules) if isinstance(module, nn.Linear)]
    after = {i: next((m.p for m in modules[i + 1 : i + 3] if isinstance(m, nn.Dropout)), 0.0) for i in linears}
    return [_Layer(modules[i], None if i == linears[-1] else after[i], config) for i in linears]  # type: ignore[arg-type]


class _Loop:
    """One network in training: the first `train` rows of the inputs train it, the rest is its inner part."""

    def __init__(self, job: Job, inputs: Tensor, y: Tensor, train: int) -> None:
        self.config, self.y, self.train = job.part.training, y, train
        config = self.config
        self.layers = _layers(job.network.classifier, config)  # type: ignore[arg-type]
        self.inputs = inputs.to(self.layers[0].kind)
        self.order = torch.Generator().manual_seed(job.seed)
        self.draws = torch.Generator().manual_seed(job.seed + 1)
        classes = self.layers[-1].weight.shape[0]
        self.weight = training.class_weights(y[:train].numpy(), classes, config.class_weights)
        self.scale, self.target, self.share = loss_targets(y[:train], classes, self.weight, config.label_smoothing)
        self.even = self.weight is None and not config.label_smoothing
        kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
        parameters = [p for layer in self.layers for p in (layer.weight, layer.bias)]
        self.optimizer = kind(parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)

    @torch.no_grad()
    def epoch(self, number: int) -> dict[str, float]:
        """Train on every batch once; a row of the history."""
        order = torch.randperm(self.train, generator=self.order)
        logits = torch.cat([self._step(rows) for rows in order.split(self.config.batch_size)])
        train_loss = self._loss(logits, order)
        if not np.isfinite(train_loss):
            raise TrainingError(f"the loss is no longer a number in epoch {number}: lower --learning-rate (now {self.config.learning_rate:g})")
        inner = training.inner_scores(self._logits(self.inputs[self.train :], None), self.y[self.train :])
        return {"epoch": number, "train_loss": train_loss, **inner, "learning_rate": self.config.learning_rate}

    def _logits(self, x: Tensor, draws: torch.Generator | None) -> Tensor:
        for layer in self.layers:
            x = layer.forward(x, draws)
        return x

    def _step(self, rows: Tensor) -> Tensor:
        """One optimizer step; the logits before it."""
        logits = self._logits(self.inputs.index_select(0, rows), self.draws)
        g = logits.softmax(1)
        if self.even:
            g = g.sub_(self.target.index_select(0, rows)).div_(len(rows))
        else:
            g = g.mul_(self.scale[rows]).sub_(self.target[rows]).div_(self.share[rows].sum())
        for layer in reversed(self.layers):
            g = layer.backward(g, first=layer is self.layers[0])
        self.optimizer.step()
        for layer in self.layers:
            layer.updated()
        return logits

    def _loss(self, logits: Tensor, order: Tensor) -> float:
        """Mean over the epoch of each batch's loss, as `training.fit` reports it."""
        pieces = zip(logits.split(self.config.batch_size), self.y[order].split(self.config.batch_size), strict=True)
        if self.even:
            return float(F.cross_entropy(logits, self.y[order]))
        losses = [F.cross_entropy(z, y, weight=self.weight, label_smoothing=self.config.label_smoothing) * len(y) for z, y in pieces]
        return float(torch.stack(losses).sum() / self.train)
