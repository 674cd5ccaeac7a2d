"""One training of the voice network: batches, losses, a running average of the weights. Which speakers it may see is decided by the caller."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mmer_core.config import JsonConfig
from mmer_core.fusion.voice import VoiceNetwork


@dataclass(frozen=True)
class VoiceTraining(JsonConfig):
    """Hyper-parameters, chosen on the speakers of folds 1 and 3 with those of fold 0 left out altogether.

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
    """Utterances to learn from.

    Attributes:
        features: for each utterance its variants, (T, D) float16; the first is the recording itself.
        targets: (N, C) float32, rows sum to 1; uniform for sounds without a voice.
    """

    features: Sequence[Sequence[np.ndarray]]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.features)


def train(network: VoiceNetwork, examples: VoiceExamples, config: VoiceTraining) -> VoiceNetwork:
    """Train `network` in place and return it with the averaged weights, in evaluation mode. The same seed gives the same weights."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    _standardise(network, examples)
    weight = examples.targets.sum() / examples.targets.sum(dim=0).clamp(min=1.0) / examples.targets.shape[1]
    averaged = {name: p.detach().clone() for name, p in network.named_parameters()}
    decayed = [p for p in network.parameters() if p.ndim > 1]
    plain = [p for p in network.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW([{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}])
    steps = config.epochs * math.ceil(len(examples) / config.batch)
    step = 0
    network.train()
    for _ in range(config.epochs):
        for x, pad, target in _batches(examples, config, rng):
            _hide(x, pad, network, config, rng)
            for group in optimiser.param_groups:
                group["lr"] = config.learning_rate * _rate(step / steps, config.warm_up)
            loss = _loss(*network.views(x, pad), target, weight, config)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            step += 1
            decay = min(config.average, step / (10 + step))
            for name, p in network.named_parameters():
                averaged[name].lerp_(p.detach(), 1 - decay)
    network.load_state_dict(averaged, strict=False)
    return network.eval()


@torch.inference_mode()
def logits_of(network: VoiceNetwork, features: Sequence[np.ndarray]) -> np.ndarray:
    """(N, C) float32 logits of whole utterances, one at a time: what the app computes."""
    rows = [network(torch.from_numpy(f.astype(np.float32))[None], torch.zeros(1, len(f), dtype=torch.bool)) for f in features]
    return torch.cat(rows).numpy()


def _loss(joint: Tensor, views: Tensor, target: Tensor, weight: Tensor, config: VoiceTraining) -> Tensor:
    target = target * (1 - config.label_smoothing) + config.label_smoothing / target.shape[1]
    loss = functional.cross_entropy(joint, target, weight=weight)
    each = functional.cross_entropy(views.flatten(0, 1), target.repeat_interleave(views.shape[1], dim=0), weight=weight)
    return loss + config.views * each


def _rate(at: float, warm_up: float) -> float:
    return at / warm_up if at < warm_up else 0.5 * (1 + math.cos(math.pi * (at - warm_up) / (1 - warm_up)))


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


def _batches(examples: VoiceExamples, config: VoiceTraining, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """One pass: x (B, T, D) float32, pad (B, T), target (B, C). Utterances of similar length share a batch."""
    order = rng.permutation(len(examples))
    drawn = {}
    for i in order:
        variants = examples.features[i]
        v = 0 if len(variants) == 1 or rng.random() < config.clean else int(rng.integers(1, len(variants)))
        drawn[i] = _cut(variants[v], config.longest, rng)
    batches: list[np.ndarray] = []
    for start in range(0, len(order), 8 * config.batch):
        part = sorted(order[start : start + 8 * config.batch], key=lambda i: len(drawn[i]))
        batches += np.array_split(part, math.ceil(len(part) / config.batch))
    for b in rng.permutation(len(batches)):
        rows = [drawn[i] for i in batches[b]]
        x = torch.zeros(len(rows), max(map(len, rows)), rows[0].shape[1])
        pad = torch.ones(x.shape[:2], dtype=torch.bool)
        for r, frames in enumerate(rows):
            x[r, : len(frames)] = torch.from_numpy(frames.astype(np.float32))
            pad[r, : len(frames)] = False
        yield x, pad, examples.targets[torch.from_numpy(batches[b])]


def _hide(x: Tensor, pad: Tensor, network: VoiceNetwork, config: VoiceTraining, rng: np.random.Generator) -> None:
    """Put the mean in place of one stretch of frames and one band of the mel spectrogram of each utterance."""
    first_mel, mels = network.sizes[0], network.sizes[1]
    for row, length in enumerate((~pad).sum(dim=1).tolist()):
        stretch = int(rng.integers(0, min(config.mask_frames, length // 4) + 1))
        start = int(rng.integers(0, length - stretch + 1))
        x[row, start : start + stretch] = network.mean
        band = int(rng.integers(0, config.mask_mels + 1))
        low = first_mel + int(rng.integers(0, mels - band + 1))
        x[row, :length, low : low + band] = network.mean[low : low + band]


def _cut(frames: np.ndarray, longest: int, rng: np.random.Generator) -> np.ndarray:
    """A random stretch of at least three quarters of the utterance, `longest` frames at most."""
    length = min(longest, max(1, int(len(frames) * rng.uniform(0.75, 1.0))))
    start = int(rng.integers(0, len(frames) - length + 1))
    return frames[start : start + length]
