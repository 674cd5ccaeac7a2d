"""The training loop: one for the fusion networks of a cross-validation and for every shipped network.

`Loop` takes a network, batches and a loss; `fit` trains a fusion network with it.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from mmer_core.features.table import FeatureTable
from mmer_core.training.config import TrainingConfig
from mmer_core.training.device import seeded
from mmer_core.training.fusion_task import FusionTask, build, class_weights, prepare, validation_scores
from mmer_core.training.history import BestEpoch, Fitted, Progress
from mmer_core.training.inputs import parts_having
from mmer_core.training.multitask import Network
from mmer_core.training.optimization import LoopConfig, make_optimizer, make_plateau, update_average
from mmer_core.training.schedule import WarmUpCosine
from mmer_core.training.state import TrainingState, moments_of, read_state, restore_moments, write_state

__all__ = ["BestEpoch", "Fitted", "Loop", "LoopConfig", "Progress", "TrainingError", "WarmUpCosine"]
__all__ += ["build", "class_weights", "fit", "prepare", "validation_scores"]

Batch = TypeVar("Batch", bound=Sized)
Batch_co = TypeVar("Batch_co", bound=Sized, covariant=True)


class TrainingError(ValueError):
    """A training that cannot go on; the message says why and what to change."""


def check_finite(train_loss: float, epoch: int, learning_rate: float) -> None:
    """Raise `TrainingError` if the loss of an epoch, counted from 1, is NaN or infinite."""
    if not math.isfinite(train_loss):
        raise TrainingError(
            f"the loss became NaN or infinite in epoch {epoch}: lower --learning-rate (now {learning_rate:g})"
        )


class Batches(Protocol[Batch_co]):
    """A source of batches; the length of a batch is the number of its examples."""

    def __len__(self) -> int:
        """Steps in an epoch."""

    def epoch(self, number: int) -> Iterable[Batch_co]:
        """The batches of an epoch, counted from 0.

        In a training that is to be resumed all that is drawn must follow from `number`: such a source begins
        each epoch with `torch.manual_seed`, so that this holds for dropout as well.
        """


class Loop(Generic[Batch]):
    """One training, in place.

    Args:
        network: what is trained. Its state dict is what a checkpoint holds.
        batches: what it learns from.
        loss: network and batch to a scalar, the mean over the batch's examples.
        config: the settings.
        schedule: of the learning rate, over `config.epochs`; constant by default.
        validate: scores of the network, or of its averaged weights, after an epoch; they join the history.
        best: chooses the epoch to keep by those scores; by default the last one is kept.
        device: where the network is trained; the batches must lie there too.
        seed: of what is drawn from the global generator, as dropout is; that generator is left as it was.
        checkpoint: file of the state after the last whole epoch, from which `run` goes on.
        identity: text that tells this training from others whose state may lie there.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: Batches[Batch],
        loss: Callable[[Any, Batch], Tensor],
        config: LoopConfig,
        *,
        schedule: WarmUpCosine | None = None,
        validate: Callable[[Any], Mapping[str, float]] | None = None,
        best: BestEpoch | None = None,
        device: str | torch.device = "cpu",
        seed: int = 0,
        checkpoint: Path | None = None,
        identity: str = "",
    ) -> None:
        self.network, self.batches, self.loss, self.config = network.to(device), batches, loss, config
        self.schedule, self.validate, self.best = schedule, validate, best
        self.device, self.seed = torch.device(device), seed
        self.checkpoint, self.identity = checkpoint, identity
        self.averaged = copy.deepcopy(network).eval().requires_grad_(False) if config.average else None
        self.optimizer = make_optimizer(network, config)
        self.plateau = make_plateau(self.optimizer, config)
        self.history: list[dict[str, float]] = []
        self.seconds = 0.0
        self._kept: dict[str, Tensor] = {}  # weights of the best epoch

    @property
    def current(self) -> nn.Module:
        """The network that is validated and kept: the one with averaged weights, where there is one."""
        return self.network if self.averaged is None else self.averaged

    def run(self, progress: Progress | None = None) -> Fitted:
        """Train to the end; the network is left in evaluation mode with the weights that were chosen.

        Raises:
            TrainingError: the loss is no longer finite.
            ValueError: the checkpoint belongs to another training.
        """
        self._resume()
        with seeded(self.seed, self.device):
            while not self._over():
                started = time.monotonic()
                row = self._epoch(len(self.history))
                if self._note(row) and self.best is not None:
                    self._kept = {name: value.clone() for name, value in self.current.state_dict().items()}
                self.seconds += time.monotonic() - started
                self._save()
                if progress is not None:
                    progress(row)
        self.network.load_state_dict(self._kept or self.current.state_dict())
        self.network.eval()
        best, score = (self.best.epoch, self.best.score) if self.best else (len(self.history), math.nan)
        return Fitted(tuple(self.history), best, score, self.seconds)

    def _over(self) -> bool:
        done = len(self.history)
        return done >= self.config.epochs or (done > 0 and self.best is not None and self.best.over(done))

    def _epoch(self, number: int) -> dict[str, float]:
        """One pass over the batches; returns its row of the history."""
        if self.schedule is not None and self.schedule.restarts_at(number):
            # A new cycle starts from the averaged weights, with an optimizer that remembers nothing.
            self.network.load_state_dict(self.current.state_dict())
            self.optimizer.state.clear()
        self.network.train()
        losses, sizes = [], []
        for step, batch in enumerate(self.batches.epoch(number), start=number * len(self.batches)):
            losses.append(self._step(batch, step))
            sizes.append(len(batch))
        values = torch.stack(losses).tolist()
        train_loss = sum(value * size for value, size in zip(values, sizes, strict=True)) / sum(sizes)
        rate = self.optimizer.param_groups[0]["lr"]
        check_finite(train_loss, number + 1, rate)
        scores = self.validate(self.current) if self.validate else {}
        return {"epoch": number + 1, "train_loss": train_loss, **scores, "learning_rate": rate}

    def _step(self, batch: Batch, step: int) -> Tensor:
        """One optimizer step; the loss as a detached scalar."""
        config = self.config
        if self.schedule is not None:
            rate = config.learning_rate * self.schedule.factor(step / len(self.batches))
            for group in self.optimizer.param_groups:
                group["lr"] = rate
        with config.autocast(self.device):
            loss = self.loss(self.network, batch)
        self.optimizer.zero_grad()
        loss.backward()
        if config.clip_norm:
            nn.utils.clip_grad_norm_(self.network.parameters(), config.clip_norm)
        self.optimizer.step()
        if self.averaged is not None:
            update_average(self.averaged, self.network, config.average, step)
        return loss.detach()

    def _note(self, row: dict[str, float]) -> bool:
        """Take an epoch into account; True if its weights are the ones to keep."""
        self.history.append(row)
        if self.plateau is not None:
            loss = row.get("validation_loss", math.nan)
            self.plateau.step(row["train_loss"] if math.isnan(loss) else loss)
        return self.best is None or self.best.improves(row)

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        averaged = {} if self.averaged is None else self.averaged.state_dict()
        weights = {"network": self.network.state_dict(), "averaged": averaged, "best": self._kept}
        state = TrainingState(self.history, self.seconds, weights | {"optimizer": moments_of(self.optimizer)})
        write_state(self.checkpoint, state, self.identity)

    def _resume(self) -> None:
        if self.history or self.checkpoint is None or not self.checkpoint.is_file():
            return
        state = read_state(self.checkpoint, self.identity)
        self.network.load_state_dict(state.weights["network"])
        if self.averaged is not None:
            self.averaged.load_state_dict(state.weights["averaged"])
        self._kept = {name: tensor.to(self.device) for name, tensor in state.weights["best"].items()}
        restore_moments(self.optimizer, state.weights["optimizer"])
        self.seconds = state.seconds
        for row in state.history:
            self._note(row)


def fit(
    model: Network,
    table: FeatureTable,
    train: np.ndarray,
    validation: np.ndarray,
    config: TrainingConfig,
    *,
    seed: int,
    views: Sequence[FeatureTable] = (),
    progress: Progress | None = None,
    device: str | torch.device = "cpu",
) -> Fitted:
    """Train a fusion network in place and leave the weights of its best epoch.

    Args:
        model: built for this table.
        table: the corpus.
        train: (n,) positions of the training part: weights, standardisation, class weights and prior come
            from it. Utterances that have none of the model's modalities are passed over.
        validation: (k,) positions of the validation part, which chooses the epoch; without any the last one
            is kept.
        config: the settings.
        seed: of batch order, dropout and augmentation; the same seed gives the same weights.
        views: the same utterances with augmented features; each step draws one of these or the original.
        progress: called after each epoch.
        device: where the model is trained, and left.

    Raises:
        TrainingError: the loss is no longer finite.
        ValueError: nothing to train on.
    """
    model.to(device)
    train, validation = parts_having(table, train, validation, model.modalities)
    prepare(model, table, train)
    task = FusionTask(model, table, train, validation, config, seed=seed, views=views)
    settings = {name: value for name, value in config.to_json().items() if name in LoopConfig.__annotations__}
    best = BestEpoch(config)
    loop = Loop(
        model,
        task,
        task.loss,
        LoopConfig(**settings),
        validate=task.validate,
        best=best,
        device=device,
        seed=seed,
    )
    return loop.run(progress)
