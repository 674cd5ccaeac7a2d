"""What is particular to training a fusion network: how it begins, its batches, its loss, its validation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from mmer_core import fusion, metrics
from mmer_core.features.batch import FeatureBatch, drop_modalities
from mmer_core.features.table import FeatureTable
from mmer_core.fusion.base import presence
from mmer_core.fusion.layers import ModalityFeatures
from mmer_core.labels import Modality
from mmer_core.training.augmentation import augment_batch
from mmer_core.training.config import TrainingConfig
from mmer_core.training.device import seeded
from mmer_core.training.inputs import InputSource, chunks, device_of, logits_of
from mmer_core.training.multitask import MultiTask, Network


def build(
    name: str, options: Mapping[str, Any], table: FeatureTable, config: TrainingConfig, seed: int
) -> Network:
    """A new fusion network for the table's features and classes, its first weights drawn from `seed`.

    Raises:
        ValueError: unknown network or option, or a sentiment head without sentiment labels.
    """
    classes = len(table.labels)
    with seeded(seed):
        if not config.sentiment_weight:
            return fusion.create(name, dims=table.dims, classes=classes, **options)
        if table.sentiment is None or not table.sentiments:
            raise ValueError("this corpus has no sentiment labels: set sentiment_weight to 0")
        network = fusion.create(name, dims=table.dims, classes=classes + len(table.sentiments), **options)
        return MultiTask(network, classes, config.sentiment_weight)


def prepare(model: Network, table: FeatureTable, train: np.ndarray) -> None:
    """Set standardisation and class prior from the training part, (n,) positions in the table."""
    network = model.network if isinstance(model, MultiTask) else model
    device = device_of(model)
    network.fit_scaling(table.batch(piece).to(device) for piece in chunks(table, train))
    counts = np.bincount(table.y[train], minlength=len(table.labels))
    model.set_prior(torch.from_numpy(counts / counts.sum()).float())


class FusionTask:
    """Batches, loss and validation of one fusion network. A batch is a (B,) int64 tensor of positions in the
    table.

    Args:
        model: built for this table, and prepared; on the device where it is trained.
        table: the corpus.
        train: (n,) positions of the training part.
        validation: (k,) positions of the validation part, may be empty.
        config: the settings.
        seed: of batch order, modality dropout and augmentation.
        views: the same utterances with augmented features; each step draws one of these or the original.
    """

    def __init__(
        self,
        model: Network,
        table: FeatureTable,
        train: np.ndarray,
        validation: np.ndarray,
        config: TrainingConfig,
        *,
        seed: int,
        views: Sequence[FeatureTable] = (),
    ) -> None:
        self.config, self.table, self.tables, self.device = config, table, (table, *views), device_of(model)
        # Batch order has a generator of its own, so that options which draw do not change it.
        self.order = torch.Generator().manual_seed(seed)
        self.draws = torch.Generator().manual_seed(seed + 1)
        self.train, self.validation = torch.from_numpy(train), torch.from_numpy(validation)
        self.source = InputSource(model, table, np.concatenate([train, validation]))
        self.sources = (self.source, *(InputSource(model, view, train) for view in views))
        weight = class_weights(table.y[train], len(table.labels), config.class_weights)
        self.weight = None if weight is None else weight.to(self.device)
        self.y = torch.from_numpy(table.y).to(self.device)
        second = table.sentiment
        self.sentiment = None if second is None else torch.from_numpy(second).to(self.device)

    def __len__(self) -> int:
        return math.ceil(len(self.train) / self.config.batch_size)

    def epoch(self, number: int) -> Iterator[Tensor]:
        """The training part in random order, cut into batches."""
        order = self.train[torch.randperm(len(self.train), generator=self.order)]
        yield from order.to(self.device).split(self.config.batch_size)

    def loss(self, model: Network, rows: Tensor) -> Tensor:
        """The model's loss on a batch, a scalar."""
        inputs, y = self._inputs(model, rows), self.y[rows]
        options: dict[str, Any] = {"weight": self.weight, "label_smoothing": self.config.label_smoothing}
        if not isinstance(model, MultiTask):
            return model.loss(model.decide(inputs), y, **options)
        assert self.sentiment is not None
        return model.joint_loss(inputs, y, self.sentiment[rows], **options)

    def validate(self, model: Network) -> dict[str, float]:
        """`validation_scores` of the model."""
        logits = logits_of(model, self.source, self.validation)
        return validation_scores(logits.cpu(), torch.from_numpy(self.table.y)[self.validation])

    def _inputs(self, model: Network, rows: Tensor) -> dict[Modality, ModalityFeatures]:
        """Standardised features of a batch, augmented and with modalities dropped as the settings say."""
        config = self.config
        view = int(torch.randint(len(self.tables), (), generator=self.draws)) if len(self.tables) > 1 else 0
        if config.augments:
            batch = augment_batch(
                self.tables[view].batch(rows.cpu()),
                self.draws,
                spec=config.spec_augment,
                temporal=config.temporal_sampling,
            )
            inputs = model.read(batch.to(self.device))
        else:
            inputs = self.sources[view].take(rows)
        if not config.modality_dropout:
            return inputs
        present = FeatureBatch({}, {}, presence(inputs).cpu())
        kept = drop_modalities(present, config.modality_dropout, self.draws).present.to(self.device)
        return {m: e.keep(kept[:, i]) for i, (m, e) in enumerate(inputs.items())}


def class_weights(y: np.ndarray, classes: int, how: str) -> Tensor | None:
    """(C,) float32 weights, mean 1 over the utterances, or None for "none"; balanced: each class counts as
    much as any other, and one that does not occur weighs nothing.
    """
    if how == "none":
        return None
    counts = np.bincount(y, minlength=classes)
    weights = len(y) / ((counts > 0).sum() * np.maximum(counts, 1))
    return torch.from_numpy(np.where(counts > 0, weights, 0.0)).float()


def validation_scores(logits: Tensor, y: Tensor) -> dict[str, float]:
    """Loss and scores of the validation part by their names in the history; NaN where it is empty.

    Args:
        logits: (n, C).
        y: (n,) int64 class indices.
    """
    if not len(y):
        return {f"validation_{name}": math.nan for name in ("loss", *metrics.SCORES)}
    table = metrics.scores(metrics.confusion_matrix(y.numpy(), logits.argmax(1).numpy(), logits.shape[1]))
    return {
        "validation_loss": float(F.cross_entropy(logits.float(), y)),
        **{f"validation_{name}": table[name] for name in metrics.SCORES},
    }
