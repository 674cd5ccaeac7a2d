"""How the weights of a network are moved: settings of the loop, its optimizer, running averages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from mmer_core.config import JsonConfig
from mmer_core.training.device import fastest


@dataclass(frozen=True)
class LoopConfig(JsonConfig):
    """
    Attributes:
        epochs: passes over the batches, at most.
        optimizer: adam (weight decay in the gradient, Kingma & Ba 2015) or adamw (apart from it, Loshchilov &
            Hutter 2019).
        learning_rate: the constant one, or the peak of a schedule.
        weight_decay: of the optimizer.
        decayed: what weight decay shrinks: all parameters, or matrices and kernels without biases and norms.
        clip_norm: largest norm of the gradient; 0 does not clip.
        average: decay per step of the running average of the weights that is validated and kept in their
            place; 0 for none.
        plateau_factor: multiply the learning rate by this when the validation loss, or without one the
            training loss, stalls; 1 keeps it.
        plateau_patience: epochs without a lower loss before that.
        precision: number format of matrix products; weights stay float32. fastest is bfloat16 where the
            device has it.
    """

    epochs: int
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    decayed: Literal["all", "matrices"] = "all"
    clip_norm: float = 0.0
    average: float = 0.0
    plateau_factor: float = 1.0
    plateau_patience: int = 3
    precision: Literal["float32", "bfloat16", "fastest"] = "float32"

    def autocast(self, device: torch.device) -> torch.autocast:
        """The context in which the loss is computed."""
        if self.precision == "fastest":
            return fastest(device)
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.precision != "float32")


def make_optimizer(network: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    """An optimizer of the network's parameters; one fused pass over them makes a step."""
    groups: list[dict[str, Any]] = [{"params": list(network.parameters())}]
    if config.decayed == "matrices":
        matrices = [p for p in network.parameters() if p.ndim > 1]
        others = [p for p in network.parameters() if p.ndim <= 1]
        groups = [{"params": matrices}, {"params": others, "weight_decay": 0.0}]
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)


def make_plateau(optimizer: torch.optim.Optimizer, config: LoopConfig) -> ReduceLROnPlateau | None:
    """What lowers the learning rate when a loss stalls; None where the settings keep it."""
    if config.plateau_factor >= 1:
        return None
    return ReduceLROnPlateau(optimizer, factor=config.plateau_factor, patience=config.plateau_patience)


@torch.no_grad()
def update_average(averaged: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move a running average of the weights towards the network's.

    Args:
        decay: what is kept of the average in one step.
        step: counted from 0; in the first ones less is kept, or the weights of before the training would
            stay in the average for long.
    """
    kept = min(decay, (1 + step) / (10 + step))
    for mean, new in zip(averaged.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(new, 1 - kept)
        else:
            mean.copy_(new)
