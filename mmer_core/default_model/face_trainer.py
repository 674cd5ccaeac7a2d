"""The training of the face network: what a checkpoint holds and what one epoch does."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.config import JsonConfig
from mmer_core.default_model.fer2013 import LabelledFaces, augment
from mmer_core.encoders.face_ensemble import NETWORKS
from mmer_core.encoders.face_network import FaceReader, as_input
from mmer_core.labels import EMOTIONS
from mmer_core.training.precision import fastest


@dataclass(frozen=True)
class FaceTraining(JsonConfig):
    """Hyper-parameters, set by hand after a look at the held-out pictures; public_test had no part in it.

    Attributes:
        network: which of `encoders.face_ensemble.NETWORKS`.
        frozen: kernels, from the input on, that stay as they are where the network does not start from random weights: edges look alike everywhere,
            and the first layers take the most time.
        cycles: epochs of each cycle of the learning rate; every later one starts from the averaged weights of the one before (warm restart,
            Loshchilov and Hutter 2017).
        later_rate: peak of the learning rate in later cycles, as a share of that in the first.
        held_out: share of the training pictures kept for choosing between trainings and for the temperature.
        small_until: share of each cycle trained at 40 instead of 48 pixels, which takes two thirds of the time.
        warm_up: share of each cycle over which the learning rate rises; it then falls as a cosine.
        gentle_until: share of the first cycle over which augmentation grows from a quarter to its full strength; mixup starts after it.
        mixup: parameter of the Beta distribution of mixup (Zhang et al. 2018); off in the last tenth of each cycle.
        average: decay per step of the running average of the weights that is kept and measured.
        taught: share of a teacher's probabilities in the targets, in [0, 1]; the labels are the rest (distillation, Hinton et al. 2015). Many labels
            of FER2013 are doubtful, and a network that learned them all says which.
    """

    seed: int = 0
    cycles: tuple[int, ...] = (30, 55)
    later_rate: float = 0.6
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
    taught: float = 0.0
    network: str = "residual"
    frozen: int = 0

    @property
    def epochs(self) -> int:
        """Epochs of all cycles."""
        return sum(self.cycles)

    def place(self, epoch: float) -> tuple[int, float]:
        """The cycle that an epoch (from 0; fractions are within it) belongs to, and how much of that cycle lies before it, in [0, 1]."""
        for cycle, length in enumerate(self.cycles):
            if epoch < length:
                return cycle, epoch / length
            epoch -= length
        raise ValueError(f"the training has {self.epochs} epochs: there is none of number {self.epochs + int(epoch)}")

    def rate(self, epoch: float) -> float:
        """The learning rate at that point of the training."""
        cycle, at = self.place(epoch)
        peak = self.learning_rate * (self.later_rate if cycle else 1.0)
        if at < self.warm_up:
            return peak * (0.05 + 0.95 * at / self.warm_up)
        return peak * 0.5 * (1 + math.cos(math.pi * (at - self.warm_up) / (1 - self.warm_up)))


class FaceTrainer:
    """The state of one training: network, running average of its weights, optimizer, history."""

    def __init__(self, config: FaceTraining, pictures: LabelledFaces, checkpoint: Path) -> None:
        self.config = config
        self.checkpoint = checkpoint
        self.x, self.y = as_input(pictures.images), torch.from_numpy(pictures.labels)
        self.targets = functional.one_hot(self.y, len(EMOTIONS)).float()
        self._has_teacher = False
        self.steps = math.ceil(len(pictures) / config.batch)
        torch.manual_seed(config.seed)
        self.network = _channels_last(NETWORKS[config.network](config.dropout))
        self.averaged = _channels_last(NETWORKS[config.network]()).eval()
        self.averaged.load_state_dict(self.network.state_dict())
        for layer in [m for m in self.network.modules() if isinstance(m, nn.Conv2d)][: config.frozen]:
            layer.requires_grad_(False)
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        plain = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=config.learning_rate)
        self.history: list[dict[str, float]] = []

    def begin_from(self, weights: Mapping[str, Tensor]) -> None:
        """Start from these weights (a state of the network) instead of random ones; the head stays random."""
        body = {name: tensor for name, tensor in weights.items() if not name.startswith("head.")}
        for network in (self.network, self.averaged):
            network.load_state_dict(network.state_dict() | body)

    def go_on_from(self, network: FaceReader) -> None:
        """Start where the training of this network ended, its head included."""
        for own in (self.network, self.averaged):
            own.load_state_dict(network.state_dict())

    def learn_from(self, teacher: Tensor) -> None:
        """Mix a teacher's probabilities for the pictures, (N, 7) float32, into the targets; needed where `config.taught` is above 0."""
        self.targets.lerp_(teacher, self.config.taught)
        self._has_teacher = True

    def train_epoch(self) -> float:
        """One pass over the pictures; returns the mean loss. Depends only on the state, the seed and the epoch's number."""
        if self.config.taught and not self._has_teacher:
            raise ValueError(f"a share of {self.config.taught} of the targets is a teacher's, but none was given")
        epoch = len(self.history)
        random = torch.Generator().manual_seed(self.config.seed * 1000 + epoch)
        torch.manual_seed(self.config.seed * 1000 + epoch)
        cycle, at = self.config.place(epoch)
        if cycle and not at:
            self._restart()
        side = 40 if at < self.config.small_until else 48
        strength = 1.0 if cycle or at >= self.config.gentle_until else 0.25 + 0.75 * at / self.config.gentle_until
        order = torch.randperm(len(self.y), generator=random)
        self.network.train()
        total = 0.0
        for step, index in enumerate(order.split(self.config.batch)):
            rate = self.config.rate(epoch + step / self.steps)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            loss = self._loss(augment(self.x[index], side, strength, random), self.targets[index])
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self._average(epoch * self.steps + step)
            total += loss.item() * len(index)
        return total / len(self.y)

    def _loss(self, x: Tensor, target: Tensor) -> Tensor:
        cycle, at = self.config.place(len(self.history))
        if (cycle or at >= self.config.gentle_until) and at < 0.9:
            share = float(torch.distributions.Beta(self.config.mixup, self.config.mixup).sample())
            x, target = share * x + (1 - share) * x.flip(0), share * target + (1 - share) * target.flip(0)
        with fastest():
            logits = self.network(x.contiguous(memory_format=torch.channels_last))
        return functional.cross_entropy(logits.float(), target, label_smoothing=self.config.label_smoothing)

    def _restart(self) -> None:
        """A new cycle begins where the averaged weights are, with an optimizer that remembers nothing."""
        self.network.load_state_dict(self.averaged.state_dict())
        self.optimizer.state.clear()

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
        parts = {"network": self.network.state_dict(), "averaged": self.averaged.state_dict(), "moments": moments}
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
        if FaceTraining.from_json(json.loads(metadata["config"])) != self.config:
            raise ValueError(f"{self.checkpoint} belongs to a training with other options: delete it or give another --work folder")
        parts: dict[str, dict[str, Tensor]] = {"network": {}, "averaged": {}, "moments": {}}
        for name, tensor in load_file(self.checkpoint).items():
            part, _, key = name.partition("/")
            parts[part][key] = tensor
        self.network.load_state_dict(parts["network"])
        self.averaged.load_state_dict(parts["averaged"])
        state = self.optimizer.state_dict()
        state["state"] = {}
        for name, tensor in parts["moments"].items():
            i, _, key = name.partition("/")
            state["state"].setdefault(int(i), {})[key] = tensor
        self.optimizer.load_state_dict(state)
        self.history = json.loads(metadata["history"])
        return True


def _channels_last(network: FaceReader) -> FaceReader:
    return network.to(memory_format=torch.channels_last)
