"""Training of one voice network: its settings, batches and loss, on the common loop. The caller decides which
speakers it may learn from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mmer_core.config import JsonConfig
from mmer_core.fusion.heads.voice import VoiceNetwork
from mmer_core.training.loop import Loop, LoopConfig, WarmUpCosine


@dataclass(frozen=True)
class VoiceTraining(JsonConfig):
    """Settings, chosen on the speakers of folds 1 and 3 with those of fold 0 left out altogether.

    Attributes:
        clean: share of the draws that take the recording itself rather than a variation of it.
        longest: frames of a training example at most; longer ones are cut at a random place.
        mask_frames: longest stretch of frames hidden in training (SpecAugment, Park et al. 2019).
        mask_mels: widest band of the mel spectrogram hidden.
        views: weight of the loss of each branch alone.
        average: decay per step of the running average of the weights that is kept.
        warm_up: share of the steps over which the learning rate rises; it then falls as a cosine.
    """

    seed: int = 0
    epochs: int = 12
    batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warm_up: float = 0.1
    label_smoothing: float = 0.1
    clean: float = 0.3
    longest: int = 200
    mask_frames: int = 20
    mask_mels: int = 12
    views: float = 0.5
    average: float = 0.995


@dataclass(frozen=True)
class VoiceExamples:
    """Utterances to learn from, each in several variants.

    Attributes:
        features: for each utterance its variants, (T, D) float16; the first is the recording itself.
        targets: (N, C) float32, rows sum to 1; uniform for sounds without a voice.
    """

    features: Sequence[Sequence[np.ndarray]]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class VoiceBatch:
    """Frames x (B, T, D) float32, pad (B, T) bool, and target distributions (B, C) float32."""

    x: Tensor
    pad: Tensor
    target: Tensor

    def __len__(self) -> int:
        return len(self.x)


class VoiceBatches:
    """Random stretches of random variants, with parts hidden; utterances of similar length share a batch.

    Args:
        examples: the training part.
        network: whose mean takes the place of what is hidden.
        config: the settings; their seed is that of all draws.
    """

    def __init__(self, examples: VoiceExamples, network: VoiceNetwork, config: VoiceTraining) -> None:
        self.examples, self.network, self.config = examples, network, config
        self.rng = np.random.default_rng(config.seed)
        counts = examples.targets.sum(dim=0).clamp(min=1.0)
        self.weight = examples.targets.sum() / counts / examples.targets.shape[1]

    def __len__(self) -> int:
        return math.ceil(len(self.examples) / self.config.batch)

    def epoch(self, number: int) -> Iterator[VoiceBatch]:
        """Every utterance once."""
        size, rng = self.config.batch, self.rng
        order = rng.permutation(len(self.examples))
        drawn = {i: self._drawn(self.examples.features[i]) for i in order}
        batches: list[np.ndarray] = []
        for start in range(0, len(order), 8 * size):
            part = sorted(order[start : start + 8 * size], key=lambda i: len(drawn[i]))
            batches += np.array_split(part, math.ceil(len(part) / size))
        for b in rng.permutation(len(batches)):
            x, pad = _padded([drawn[i] for i in batches[b]])
            self._hide(x, pad)
            yield VoiceBatch(x, pad, self.examples.targets[torch.from_numpy(batches[b])])

    def _drawn(self, variants: Sequence[np.ndarray]) -> np.ndarray:
        """(T, D) a random stretch, of at least three quarters, of one of the variants."""
        config, rng = self.config, self.rng
        plain = len(variants) == 1 or rng.random() < config.clean
        frames = variants[0 if plain else int(rng.integers(1, len(variants)))]
        length = min(config.longest, max(1, int(len(frames) * rng.uniform(0.75, 1.0))))
        start = int(rng.integers(0, len(frames) - length + 1))
        return frames[start : start + length]

    def _hide(self, x: Tensor, pad: Tensor) -> None:
        """Put the mean in place of one stretch of frames and one band of the mel spectrogram of each
        utterance.
        """
        config, rng, mean = self.config, self.rng, self.network.mean
        first_mel, mels = self.network.sizes[0], self.network.sizes[1]
        for row, length in enumerate((~pad).sum(dim=1).tolist()):
            stretch = int(rng.integers(0, min(config.mask_frames, length // 4) + 1))
            start = int(rng.integers(0, length - stretch + 1))
            x[row, start : start + stretch] = mean
            band = int(rng.integers(0, config.mask_mels + 1))
            low = first_mel + int(rng.integers(0, mels - band + 1))
            x[row, :length, low : low + band] = mean[low : low + band]

    def loss(self, network: VoiceNetwork, batch: VoiceBatch) -> Tensor:
        """Cross-entropy of all branches together, and of each alone for its share; a scalar."""
        joint, views = network.views(batch.x, batch.pad)
        smoothing = self.config.label_smoothing
        target = batch.target * (1 - smoothing) + smoothing / batch.target.shape[1]
        loss = functional.cross_entropy(joint, target, weight=self.weight)
        repeated = target.repeat_interleave(views.shape[1], dim=0)
        each = functional.cross_entropy(views.flatten(0, 1), repeated, weight=self.weight)
        return loss + self.config.views * each


def train(network: VoiceNetwork, examples: VoiceExamples, config: VoiceTraining) -> None:
    """Train a network in place; it is left with the averaged weights, in evaluation mode. The same seed gives
    the same weights.
    """
    _standardise(network, examples)
    batches = VoiceBatches(examples, network, config)
    settings = LoopConfig(
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        decayed="matrices",
        clip_norm=1.0,
        average=config.average,
    )
    schedule = WarmUpCosine((config.epochs,), config.warm_up)
    Loop(network, batches, batches.loss, settings, schedule=schedule, seed=config.seed).run()


@torch.inference_mode()
def logits_of(network: VoiceNetwork, features: Sequence[np.ndarray]) -> np.ndarray:
    """(N, C) float32 logits of whole utterances, one at a time: as the app computes them."""
    rows = [
        network(torch.from_numpy(f.astype(np.float32))[None], torch.zeros(1, len(f), dtype=torch.bool))
        for f in features
    ]
    return torch.cat(rows).numpy()


def _standardise(network: VoiceNetwork, examples: VoiceExamples) -> None:
    """Set the network's mean and deviation from all frames of the training part."""
    count, total, squares = 0, 0.0, 0.0
    for variants in examples.features:
        for frames in variants:
            f = frames.astype(np.float64)
            count, total, squares = count + len(f), total + f.sum(axis=0), squares + np.square(f).sum(axis=0)
    mean = total / count
    network.mean.copy_(torch.from_numpy(mean))
    network.std.copy_(torch.from_numpy(np.sqrt(np.maximum(squares / count - mean**2, 1e-4))))


def _padded(rows: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Frames of B utterances as x (B, T, D) float32 and pad (B, T) bool."""
    x = torch.zeros(len(rows), max(map(len, rows)), rows[0].shape[1])
    pad = torch.ones(x.shape[:2], dtype=torch.bool)
    for i, frames in enumerate(rows):
        x[i, : len(frames)] = torch.from_numpy(frames.astype(np.float32))
        pad[i, : len(frames)] = False
    return x, pad
