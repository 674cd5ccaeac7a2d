"""The history of a training: its rows, its best epoch, and when it ends before its time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mmer_core.training.config import TrainingConfig

Progress = Callable[[Mapping[str, Any]], None]  # called with each row of the history


@dataclass(frozen=True)
class Fitted:
    """What a training leaves besides the weights.

    Attributes:
        history: one row for each epoch: epoch (from 1), train_loss, scores of the validation, learning_rate.
        best_epoch: the one whose weights were kept.
        score: its selection score; higher is better; NaN without a validation part.
        seconds: of all epochs.
    """

    history: tuple[dict[str, float], ...]
    best_epoch: int
    score: float
    seconds: float = field(default=0.0, compare=False)


class BestEpoch:
    """The best epoch of one training so far.

    Attributes:
        epoch: its number, from 1; 0 before the first.
        score: its selection score, higher is better; NaN without a validation part.
        loss: its validation loss, which decides between equal scores.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.epoch, self.score, self.loss = 0, math.nan, math.inf

    def improves(self, row: Mapping[str, float]) -> bool:
        """Take one row of the history into account; True if its weights are the ones to keep.

        Without a validation part the validation loss is NaN, and every epoch is better than the one before.
        """
        loss, epoch = row["validation_loss"], int(row["epoch"])
        if math.isnan(loss):
            self.epoch = epoch
            return True
        score = -loss if self.config.select_by == "loss" else row[f"validation_{self.config.select_by}"]
        if self.epoch and (score, -loss) <= (self.score, -self.loss):
            return False
        self.epoch, self.score, self.loss = epoch, score, loss
        return True

    def over(self, epoch: int) -> bool:
        """Whether training ends after this epoch, counted from 1."""
        waited = epoch - self.epoch
        return epoch >= self.config.epochs or 0 < self.config.patience <= waited
