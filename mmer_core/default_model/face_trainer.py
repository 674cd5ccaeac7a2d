"""The training of the face network: what a checkpoint holds and what one epoch does."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from mmer_core.config import JsonConfig
from mmer_core.default_model.fer2013 import LabelledFaces, augment
from mmer_core.encoders.face_network import FaceNetwork, as_input
from mmer_core.labels import EMOTIONS


@dataclass(frozen=True)
class FaceTraining(JsonConfig):
    """Hyper-parameters, set by hand after a look at the held-out pictures; public_test had no part in it.

    Attributes:
        held_out: share of the training pictures kept for choosing the epoch and the temperature.
        small_until: share of the epochs trained at 40 instead of 48 pixels, which takes two thirds of the time.
        warm_up: share of the steps over which the learning rate rises; it then falls as a cosine.
        gentle_until: share of the epochs over which augmentation grows from a quarter to its full strength; mixup starts after it.
        mixup: parameter of the Beta distribution of mixup (Zhang et al. 2018); off in the last tenth of the epochs.
        average: decay per step of the running average of the weights that is kept and measured.
    """

    seed: int = 0
    epochs: int = 30
    batch: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warm_up: float = 0.1
    gentle_until: float = 0.4
    label_smoothing: float = 0.1
    mixup: float = 0.2
    dropout: float = 0.2
    average: float = 0.998
    held_out: float = 0.1
    small_until: float = 0.6


class FaceTrainer:
    """The state of one training: network, running average of its weights, optimizer, history."""

    def __init__(self, config: FaceTraining, pictures: LabelledFaces, checkpoint: Path) -> None:
        self.config = config
        self.checkpoint = checkpoint
        self.x, self.y = as_input(pictures.images), torch.from_numpy(pictures.labels)
        self.steps = math.ceil(len(pictures) / config.batch)
        torch.manual_seed(config.seed)
        self.network = _channels_last(FaceNetwork(config.dropout))
        self.averaged = _channels_last(FaceNetwork()).eval()
        self.averaged.load_state_dict(self.network.state_dict())
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate)
        self.best: dict[str, Tensor] = {}
        self.history: list[dict[str, float]] = []

    def train_epoch(self) -> float:
        """One pass over the pictures; returns the mean loss. Depends only on the state, the seed and the epoch's number."""
        epoch = len(self.history)
        random = torch.Generator().manual_seed(self.config.seed * 1000 + epoch)
        torch.manual_seed(self.config.seed * 1000 + epoch)
        side = 40 if epoch < self.config.small_until * self.config.epochs else 48
        strength = min(1.0, 0.25 + 0.75 * epoch / max(1.0, self.config.gentle_until * self.config.epochs))
        order = torch.randperm(len(self.y), generator=random)
        self.network.train()
        total = 0.0
        for step, index in enumerate(order.split(self.config.batch)):
            rate = self._learning_rate(epoch * self.steps + step)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            loss = self._loss(augment(self.x[index], side, strength, random), self.y[index])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self._average(epoch * self.steps + step)
            total += loss.item() * len(index)
        return total / len(self.y)

    def _loss(self, x: Tensor, y: Tensor) -> Tensor:
        target = functional.one_hot(y, len(EMOTIONS)).float()
        if self.config.gentle_until <= len(self.history) / self.config.epochs < 0.9:
            share = float(torch.distributions.Beta(self.config.mixup, self.config.mixup).sample())
            x, target = share * x + (1 - share) * x.flip(0), share * target + (1 - share) * target.flip(0)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.network(x.contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits.float(), target, label_smoothing=self.config.label_smoothing)

    def _learning_rate(self, step: int) -> float:
        at = step / (self.steps * self.config.epochs)
        if at < self.config.warm_up:
            return self.config.learning_rate * (0.05 + 0.95 * at / self.config.warm_up)
        return self.config.learning_rate * 0.5 * (1 + math.cos(math.pi * (at - self.config.warm_up) / (1 - self.config.warm_up)))

    @torch.no_grad()
    def _average(self, step: int) -> None:
        decay = min(self.config.average, (1 + step) / (10 + step))
        for kept, new in zip(self.averaged.state_dict().values(), self.network.state_dict().values(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(new, 1 - decay)
            else:
                kept.copy_(new)

    def save(self) -> None:
        """Write everything the next epoch needs, in one file that is replaced as a whole."""
        moments = {f"{i}/{k}": v for i, state in self.optimizer.state_dict()["state"].items() for k, v in state.items()}
        parts = {"network": self.network.state_dict(), "averaged": self.averaged.state_dict(), "best": self.best, "moments": moments}
        tensors = {f"{part}/{k}": v.contiguous() for part, table in parts.items() for k, v in table.items()}
        fresh = self.checkpoint.with_suffix(".new")
        save_file(tensors, fresh, {"history": json.dumps(self.history), "config": json.dumps(self.config.to_json())})
        os.replace(fresh, self.checkpoint)

    def resume(self) -> bool:
        """Go on from the checkpoint if there is one for this configuration; says whether it did.

        Raises:
            ValueError: the checkpoint belongs to another configuration.
        """
        if not self.checkpoint.is_file():
            return False
        with safe_open(self.checkpoint, framework="pt") as file:
            metadata = file.metadata()
        if json.loads(metadata["config"]) != self.config.to_json():
            raise ValueError(f"{self.checkpoint} belongs to a training with other options: delete it or give another --work folder")
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "averaged": {}, "best": {}, "moments": {}}
        for name, tensor in load_file(self.checkpoint).items():
            part, _, key = name.partition("/")
            parts[part][key] = tensor
        self.network.load_state_dict(parts["network"])
        self.averaged.load_state_dict(parts["averaged"])
        self.best = parts["best"]
        state = self.optimizer.state_dict()
        state["state"] = {}
        for name, tensor in parts["moments"].items():
            i, _, key = name.partition("/")
            state["state"].setdefault(int(i), {})[key] = tensor
        self.optimizer.load_state_dict(state)
        self.history = json.loads(metadata["history"])
        return True


def _channels_last(network: FaceNetwork) -> FaceNetwork:
    return network.to(memory_format=torch.channels_last)
