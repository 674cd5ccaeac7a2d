"""Training of one face network: its settings, batches and loss, on the common loop."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.config import JsonConfig
from mmer_core.encoders.backends.face_ensemble import NETWORKS
from mmer_core.encoders.backends.face_network import FaceClassifier, as_input
from mmer_core.labels import EMOTIONS
from mmer_core.training.device import seeded
from mmer_core.training.loop import Fitted, Loop, LoopConfig, Progress, WarmUpCosine
from recipes.face.augmentation import augment
from recipes.face.evaluation import flip_logits
from recipes.face.fer2013 import LabelledFaces

_SMALL, _FULL = 40, 48  # sides of a picture in training, in pixels
_NO_MIXUP_FROM = 0.9  # share of a cycle after which the pictures are no longer mixed


@dataclass(frozen=True)
class FaceTraining(JsonConfig):
    """Settings, chosen by hand on the held-out pictures; public_test had no part in it.

    Attributes:
        network: which of `face_ensemble.NETWORKS`.
        frozen: kernels, from the input on, that stay as they are where the network does not start from random
            weights: edges look alike everywhere, and the first layers take the most time.
        cycles: epochs of each cycle of the learning rate; every later one starts from the averaged weights of
            the one before (warm restart, Loshchilov and Hutter 2017).
        later_rate: peak of the learning rate in later cycles, as a share of that in the first.
        held_out: share of the training pictures kept for choosing between trainings and for the temperature.
        small_until: share of each cycle trained at 40 instead of 48 pixels, which takes two thirds of the
            time.
        warm_up: share of each cycle over which the learning rate rises; it then falls as a cosine.
        gentle_until: share of the first cycle over which augmentation grows from a quarter to its full
            strength; mixup starts after it.
        mixup: parameter of the Beta distribution of mixup (Zhang et al. 2018); off in the last tenth of each
            cycle.
        average: decay per step of the running average of the weights that is kept and measured.
        distillation: share of a teacher's probabilities in the targets, in [0, 1]; the labels are the rest
            (Hinton et al. 2015). Many labels of FER2013 are doubtful, and a network that learned them all
            says which.
        side_light: share of the pictures that are lit from one side.
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
    distillation: float = 0.0
    side_light: float = 0.0
    network: str = "residual"
    frozen: int = 0

    @property
    def schedule(self) -> WarmUpCosine:
        """Of the learning rate; its cycles are those of the pictures' size and augmentation as well."""
        return WarmUpCosine(self.cycles, self.warm_up, start=0.05, later=self.later_rate)


@dataclass(frozen=True)
class FaceBatch:
    """Pictures (B, 1, S, S) float32 in [0, 1] and target distributions (B, C) float32."""

    x: Tensor
    target: Tensor

    def __len__(self) -> int:
        return len(self.x)


class FaceBatches:
    """Augmented and mixed pictures; each epoch follows from its number and the seed.

    Args:
        pictures: the training part.
        config: the settings.
        teacher: gives its probabilities for the pictures, (N, C) float32; asked when the first epoch begins.

    Raises:
        ValueError: the settings ask for distillation, and there is no teacher.
    """

    def __init__(
        self, pictures: LabelledFaces, config: FaceTraining, teacher: Callable[[], Tensor] | None = None
    ) -> None:
        if config.distillation and teacher is None:
            raise ValueError(
                f"a share of {config.distillation} of the targets is a teacher's: give one, or set "
                "distillation to 0"
            )
        self.config, self.teacher = config, teacher
        self.x, self.y = as_input(pictures.images), torch.from_numpy(pictures.labels)
        self._targets: Tensor | None = None

    def __len__(self) -> int:
        return math.ceil(len(self.y) / self.config.batch)

    def targets(self) -> Tensor:
        """(N, C) float32: the labels, mixed with the teacher's soft labels."""
        if self._targets is None:
            self._targets = functional.one_hot(self.y, len(EMOTIONS)).float()
            if self.config.distillation and self.teacher is not None:
                self._targets.lerp_(self.teacher(), self.config.distillation)
        return self._targets

    def epoch(self, number: int) -> Iterator[FaceBatch]:
        """All pictures in random order."""
        config, targets = self.config, self.targets()
        random = torch.Generator().manual_seed(config.seed * 1000 + number)
        torch.manual_seed(config.seed * 1000 + number)  # mixup here, dropout in the network
        cycle, passed = config.schedule.place(number)
        gentle = cycle == 0 and passed < config.gentle_until
        strength = 0.25 + 0.75 * passed / config.gentle_until if gentle else 1.0
        side = _SMALL if passed < config.small_until else _FULL
        for index in torch.randperm(len(self.y), generator=random).split(config.batch):
            x = augment(self.x[index], side, strength, random, config.side_light)
            target = targets[index]
            if not gentle and passed < _NO_MIXUP_FROM:
                x, target = self._mixed(x, target)
            yield FaceBatch(x, target)

    def _mixed(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        share = float(torch.distributions.Beta(self.config.mixup, self.config.mixup).sample())
        return share * x + (1 - share) * x.flip(0), share * target + (1 - share) * target.flip(0)

    def loss(self, network: FaceClassifier, batch: FaceBatch) -> Tensor:
        """Cross-entropy with the targets, a scalar."""
        logits = network(batch.x.contiguous(memory_format=torch.channels_last))
        smoothing = self.config.label_smoothing
        return functional.cross_entropy(logits.float(), batch.target, label_smoothing=smoothing)


def train_network(
    config: FaceTraining,
    pictures: LabelledFaces,
    held_out: LabelledFaces,
    checkpoint: Path,
    *,
    start: Callable[[], Mapping[str, Tensor]] = dict,
    teacher: Callable[[], Tensor] | None = None,
    truth: Tensor | None = None,
    progress: Progress | None = None,
) -> tuple[FaceClassifier, Fitted]:
    """Train a network from its checkpoint on, or anew; the averaged weights of the last epoch are kept.

    Args:
        start: gives the weights to begin with, where there is no checkpoint; what it lacks stays random.
        teacher: see `FaceBatches`; not asked when the training has ended.
        truth: (N, C) float32, what the held-out pictures are measured against; their labels by default.

    Returns:
        The network in evaluation mode, and how the training went; its history has the loss and the accuracy
        on the held-out pictures.

    Raises:
        ValueError: the checkpoint belongs to a training with other settings, or a teacher is missing.
    """
    with seeded(config.seed):
        network = NETWORKS[config.network](config.dropout).to(memory_format=torch.channels_last)
    if not checkpoint.is_file():
        network.load_state_dict(network.state_dict() | dict(start()))
    for layer in [m for m in network.modules() if isinstance(m, nn.Conv2d)][: config.frozen]:
        layer.requires_grad_(False)
    batches = FaceBatches(pictures, config, teacher)
    loop = Loop(
        network,
        batches,
        batches.loss,
        LoopConfig(
            epochs=config.schedule.epochs,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            decayed="matrices",
            average=config.average,
            precision="fastest",
        ),
        schedule=config.schedule,
        validate=_validation(held_out, truth),
        seed=config.seed,
        checkpoint=checkpoint,
        identity=json.dumps(config.to_json(), sort_keys=True),
    )
    return network, loop.run(progress)


def _validation(
    held_out: LabelledFaces, truth: Tensor | None
) -> Callable[[FaceClassifier], dict[str, float]]:
    """Gives the loss and the accuracy of a network on the held-out pictures; see `train_network`."""
    if truth is None:
        truth = functional.one_hot(torch.from_numpy(held_out.labels), len(EMOTIONS)).float()
    target = truth

    def validate(network: FaceClassifier) -> dict[str, float]:
        logits = flip_logits(network, held_out.images)
        accuracy = (logits.argmax(1) == target.argmax(1)).float().mean()
        return {
            "held_out_loss": functional.cross_entropy(logits, target).item(),
            "held_out_accuracy": accuracy.item(),
        }

    return validate
