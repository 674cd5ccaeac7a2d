"""One training: weights from the training part, the best epoch by the inner validation part, and nothing from anywhere else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core import fusion, metrics
from mmer_core.features.batch import FeatureBatch, drop_modalities
from mmer_core.features.table import FeatureTable
from mmer_core.fusion.layers import Evidence
from mmer_core.fusion.model import presence
from mmer_core.labels import Modality
from mmer_core.training.config import TrainingConfig
from mmer_core.training.evidence import EvidenceSource, chunks, having, logits_of
from mmer_core.training.multitask import MultiTask, Network
from mmer_core.training.sequence_augmentation import augment_batch

Progress = Callable[[Mapping[str, Any]], None]  # called with each row of the history


class TrainingError(ValueError):
    """A training that cannot go on; the message says why and what to change."""


@dataclass(frozen=True)
class Fitted:
    """What a training leaves besides the weights, which are those of the best epoch.

    Attributes:
        history: one row for each epoch: epoch (from 1), train_loss, inner_loss, inner_accuracy, inner_ua, inner_weighted_f1, learning_rate;
            what has no inner part is NaN.
        best_epoch: the one whose weights were kept.
        score: its selection score; higher is better; NaN without an inner part.
    """

    history: tuple[dict[str, float], ...]
    best_epoch: int
    score: float


def build(name: str, options: Mapping[str, Any], table: FeatureTable, config: TrainingConfig, seed: int) -> Network:
    """A new fusion model for the table's features and classes, its first weights drawn from `seed`.

    Raises:
        ValueError: unknown model or option, or a sentiment head without sentiment labels.
    """
    classes = len(table.labels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if not config.sentiment_weight:
            return fusion.create(name, dims=table.dims, classes=classes, **options)
        if table.sentiment is None or not table.sentiments:
            raise ValueError("this corpus has no sentiment labels: set sentiment_weight to 0")
        network = fusion.create(name, dims=table.dims, classes=classes + len(table.sentiments), **options)
        return MultiTask(network, classes, config.sentiment_weight)


def fit(
    model: Network,
    table: FeatureTable,
    train: np.ndarray,
    inner: np.ndarray,
    config: TrainingConfig,
    *,
    seed: int,
    views: Sequence[FeatureTable] = (),
    progress: Progress | None = None,
) -> Fitted:
    """Train a model in place and leave the weights of its best epoch.

    Args:
        model: built for this table.
        table: the corpus.
        train: (n,) positions of the training part: weights, standardisation, class weights and prior come from it. Utterances that have none of
            the model's modalities are passed over.
        inner: (k,) positions of the inner validation part: chooses the epoch; empty keeps the last one.
        config: the settings.
        seed: of batch order, dropout and augmentation; the same seed gives the same weights.
        views: the same utterances with augmented features; each step draws one of these or the original.
        progress: called after each epoch.

    Raises:
        TrainingError: the loss is no longer finite.
        ValueError: nothing to train on.
    """
    train, inner = having(table, train, model.modalities), having(table, inner, model.modalities)
    if not len(train):
        raise ValueError(f"no training utterance has {' or '.join(model.modalities)} features: check what was extracted")
    prepare(model, table, train)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _Loop(model, table, (train, inner), config, seed=seed, views=views).run(progress)


def prepare(model: Network, table: FeatureTable, train: np.ndarray) -> None:
    """Standardisation and class prior, from the training part only."""
    network = model.network if isinstance(model, MultiTask) else model
    network.fit_scaling(table.batch(piece) for piece in chunks(table, train))
    counts = np.bincount(table.y[train], minlength=len(table.labels))
    model.set_prior(torch.from_numpy(counts / counts.sum()).float())


def class_weights(y: np.ndarray, classes: int, how: str) -> Tensor | None:
    """(C,) float32 weights, mean 1 over the utterances (balanced), or None; a class that does not occur weighs nothing."""
    if how == "none":
        return None
    counts = np.bincount(y, minlength=classes)
    return torch.from_numpy(np.where(counts > 0, len(y) / ((counts > 0).sum() * np.maximum(counts, 1)), 0.0)).float()


def inner_scores(logits: Tensor, y: Tensor) -> dict[str, float]:
    """Loss and scores of the inner validation part, as the history names them."""
    if not len(y):
        return {f"inner_{name}": math.nan for name in ("loss", *metrics.SCORES)}
    table = metrics.scores(metrics.confusion_matrix(y.numpy(), logits.argmax(1).numpy(), logits.shape[1]))
    return {"inner_loss": float(F.cross_entropy(logits.float(), y)), **{f"inner_{name}": table[name] for name in metrics.SCORES}}


class BestEpoch:
    """Keeps the best epoch of one training and says when to stop."""

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.epoch, self.score, self.loss = 0, math.nan, math.inf

    def improves(self, row: Mapping[str, float]) -> bool:
        """Take an epoch into account; True if its weights are the ones to keep. Without an inner part the last epoch is."""
        loss, epoch = row["inner_loss"], int(row["epoch"])
        if math.isnan(loss):
            self.epoch = epoch
            return True
        score = -loss if self.config.select_by == "loss" else row[f"inner_{self.config.select_by}"]
        if self.epoch and (score, -loss) <= (self.score, -self.loss):
            return False
        self.epoch, self.score, self.loss = epoch, score, loss
        return True

    def over(self, epoch: int) -> bool:
        """Whether training ends after this epoch."""
        return epoch >= self.config.epochs or (self.config.patience > 0 and epoch - self.epoch >= self.config.patience)


class _Loop:
    """The state of one training between its epochs."""

    def __init__(
        self,
        model: Network,
        table: FeatureTable,
        parts: tuple[np.ndarray, np.ndarray],
        config: TrainingConfig,
        *,
        seed: int,
        views: Sequence[FeatureTable],
    ) -> None:
        train, inner = parts
        self.model, self.config, self.table = model, config, table
        self.order = torch.Generator().manual_seed(seed)  # batch order: apart from what else is drawn, so that options do not change it
        self.draws = torch.Generator().manual_seed(seed + 1)  # modality dropout, augmentation, choice of view
        self.train, self.inner = torch.from_numpy(train), torch.from_numpy(inner)
        self.tables = (table, *views)
        both = np.concatenate([train, inner])
        self.source = EvidenceSource(model, table, both)
        self.sources = (self.source, *(EvidenceSource(model, view, train) for view in views))
        self.y = torch.from_numpy(table.y)
        self.weight = class_weights(table.y[train], len(table.labels), config.class_weights)
        kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
        self.optimizer = kind(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
        self.plateau = None
        if config.plateau_factor < 1:
            self.plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, factor=config.plateau_factor, patience=config.plateau_patience)

    def run(self, progress: Progress | None) -> Fitted:
        best = BestEpoch(self.config)
        history: list[dict[str, float]] = []
        kept: dict[str, Tensor] = {}
        while not history or not best.over(len(history)):
            row = self._epoch(len(history) + 1)
            history.append(row)
            if best.improves(row):
                kept = {name: value.clone() for name, value in self.model.state_dict().items()}
            if progress is not None:
                progress(row)
        self.model.load_state_dict(kept)
        self.model.eval()
        return Fitted(tuple(history), best.epoch, best.score)

    def _epoch(self, number: int) -> dict[str, float]:
        self.model.train()
        total = torch.zeros((), dtype=torch.float64)
        order = torch.randperm(len(self.train), generator=self.order)
        for rows in self.train[order].split(self.config.batch_size):
            total += self._step(rows).double() * len(rows)
        train_loss = float(total) / len(self.train)
        if not math.isfinite(train_loss):
            raise TrainingError(f"the loss is no longer a number in epoch {number}: lower --learning-rate (now {self.config.learning_rate:g})")
        logits = logits_of(self.model, self.source, self.inner)
        row = {"epoch": number, "train_loss": train_loss, **inner_scores(logits, self.y[self.inner])}
        row["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        if self.plateau is not None:
            self.plateau.step(train_loss if math.isnan(row["inner_loss"]) else row["inner_loss"])
        return row

    def _step(self, rows: Tensor) -> Tensor:
        """One optimizer step; the loss as a detached scalar."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            loss = self._loss(self._evidence(rows), rows)
        self.optimizer.zero_grad()
        loss.backward()
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimizer.step()
        return loss.detach()

    def _evidence(self, rows: Tensor) -> dict[Modality, Evidence]:
        view = int(torch.randint(len(self.tables), (), generator=self.draws)) if len(self.tables) > 1 else 0
        if self.config.augments:
            batch = self.tables[view].batch(rows)
            batch = augment_batch(batch, self.draws, spec=self.config.spec_augment, temporal=self.config.temporal_sampling)
            evidence = self.model.read(batch)
        else:
            evidence = self.sources[view].take(rows)
        if not self.config.modality_dropout:
            return evidence
        present = drop_modalities(FeatureBatch({}, {}, presence(evidence)), self.config.modality_dropout, self.draws).present
        return {m: e.keep(present[:, i]) for i, (m, e) in enumerate(evidence.items())}

    def _loss(self, evidence: dict[Modality, Evidence], rows: Tensor) -> Tensor:
        options: dict[str, Any] = {"weight": self.weight, "label_smoothing": self.config.label_smoothing}
        if isinstance(self.model, MultiTask):
            assert self.table.sentiment is not None
            return self.model.joint_loss(evidence, self.y[rows], torch.from_numpy(self.table.sentiment)[rows], **options)
        return self.model.loss(self.model.decide(evidence), self.y[rows], **options)
