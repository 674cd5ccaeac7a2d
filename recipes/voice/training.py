"""Training of the voice network on the means of frames; the caller decides which speakers it learns from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mmer_core.config import JsonConfig
from mmer_core.fusion.heads.mean import MeanNetwork
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import EMOTIONS
from mmer_core.training.device import seeded
from recipes.voice.clips import VARIANTS
from recipes.voice.speakers import Known, Voices, average_speaker, read_voices

MISSING = -1e4  # in place of the logit of an emotion that a corpus lacks
#: What is known of the speaker, and the variant, in each of the ways in which a clip is shown.
VIEWS: tuple[tuple[Known, int], ...] = (
    ("nothing", 0),
    ("nothing", 1),
    ("some", 0),
    ("ordinary", 0),
    ("all", 0),
    ("nothing", VARIANTS.index("narrow_band")),
)


@dataclass(frozen=True)
class VoiceTraining(JsonConfig):
    """Settings, chosen by the mean over corpora that were left out of training.

    Attributes:
        penalty: of the squared weights of the linear classifier, beside the mean loss.
        iterations: of its optimiser (L-BFGS).
        linear_smoothing: of its labels, over the emotions that a corpus has.
        epochs: of the networks beside it, over all views.
        noise: standard deviation of what is added to standardised features in their training.
        silent: share of the loss that sounds without a voice have.
        narrow_band: what a recording over a telephone counts, beside 1 for every other view of it.
    """

    seed: int = 0
    members: int = 6
    hidden: int = 128
    penalty: float = 0.02
    iterations: int = 60
    linear_smoothing: float = 0.2
    epochs: int = 12
    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    noise: float = 0.3
    silent: float = 0.03
    narrow_band: float = 1 / 3


@dataclass(frozen=True)
class Examples:
    """N views of utterances.

    Attributes:
        x: (N, D) float32, means of frames, standardised by speaker as far as that is known.
        target: (N, C) float32, rows sum to 1.
        known: (N, C) bool, the emotions that the corpus of each has: the others are no evidence.
        weight: (N,) float32, sum to N.
    """

    x: Tensor
    target: Tensor
    known: Tensor
    weight: Tensor

    def loss(self, logits: Tensor, rows: Tensor | slice, smoothing: float) -> Tensor:
        """Weighted mean cross-entropy of logits (..., B, C) over the emotions that each corpus has, a
        scalar; smoothing is over these.
        """
        known = self.known[rows]
        even = known / known.sum(1, keepdim=True)
        target = (1 - smoothing) * self.target[rows] + smoothing * even
        log_p = logits.masked_fill(~known, MISSING).log_softmax(-1)
        return -(self.weight[rows] * (target * log_p).sum(-1)).mean()


def train(voices: Voices, silent: Voices, config: VoiceTraining) -> tuple[MeanNetwork, InputScaling]:
    """The network, in evaluation mode, and the average speaker; the same seed gives the same weights.

    Args:
        voices: utterances to learn from.
        silent: sounds without a voice, for which all emotions shall be alike.
        config: the settings.
    """
    scaling = average_speaker(voices)
    with seeded(config.seed):
        examples = examples_of(voices, silent, scaling, config)
        network = MeanNetwork(len(scaling.mean), len(EMOTIONS), members=config.members, hidden=config.hidden)
        share = (examples.weight / examples.weight.sum())[:, None]
        mean = (share * examples.x).sum(0)
        network.mean.copy_(mean)
        network.std.copy_((share * (examples.x - mean).square()).sum(0).sqrt().clamp(min=1e-3))
        _fit_linear(network, examples, config)
        _fit_members(network, examples, config)
    return network.eval(), scaling


def examples_of(voices: Voices, silent: Voices, scaling: InputScaling, config: VoiceTraining) -> Examples:
    """All views of the utterances. Each corpus counts alike, and in it each emotion."""
    rng = np.random.default_rng(config.seed)
    x = [read_voices(voices, scaling, known, rng, variant=variant) for known, variant in VIEWS]
    x += [read_voices(silent, scaling, "nothing", rng, variant=v) for v in range(len(VARIANTS))]
    labels = [EMOTIONS.index(clip.label or EMOTIONS[0]) for clip in voices.clips]
    corpora = [clip.corpus for clip in voices.clips]
    known, weight = known_emotions(corpora, labels), corpus_weights(corpora, labels)
    target = np.eye(len(EMOTIONS), dtype=np.float32)[labels]
    count = len(VARIANTS) * len(silent)
    even = np.full((count, len(EMOTIONS)), 1 / len(EMOTIONS), dtype=np.float32)
    counts = np.array([config.narrow_band if VARIANTS[v] == "narrow_band" else 1.0 for _, v in VIEWS])
    spoken = np.outer(counts / counts.sum() * (1 - config.silent), weight).ravel()
    weights = np.concatenate([spoken, np.full(count, config.silent / max(1, count))])
    return Examples(
        torch.from_numpy(np.concatenate(x)),
        torch.from_numpy(np.concatenate([np.tile(target, (len(VIEWS), 1)), even])),
        torch.from_numpy(np.concatenate([np.tile(known, (len(VIEWS), 1)), np.ones_like(even, dtype=bool)])),
        torch.from_numpy((weights / weights.sum() * len(weights)).astype(np.float32)),
    )


def known_emotions(corpora: list[str], labels: list[int]) -> np.ndarray:
    """(N, C) bool: the emotions that occur in the corpus of each utterance."""
    known = {name: np.zeros(len(EMOTIONS), dtype=bool) for name in corpora}
    for name, label in zip(corpora, labels, strict=True):
        known[name][label] = True
    return np.stack([known[name] for name in corpora])


def corpus_weights(corpora: list[str], labels: list[int]) -> np.ndarray:
    """(N,) float64 that sum to 1: each corpus counts alike, and in it each emotion."""
    pairs = list(zip(corpora, labels, strict=True))
    size = {pair: pairs.count(pair) for pair in set(pairs)}
    emotions = {name: sum(pair[0] == name for pair in size) for name in set(corpora)}
    return np.array([1 / (size[p] * emotions[p[0]] * len(emotions)) for p in pairs])


def _fit_linear(network: MeanNetwork, examples: Examples, config: VoiceTraining) -> None:
    """Logistic regression, from zero."""
    x, layer = network.standardised(examples.x), network.linear
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.LBFGS(
        layer.parameters(), max_iter=config.iterations, history_size=20, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = examples.loss(layer(x), slice(None), config.linear_smoothing)
        loss = loss + config.penalty * layer.weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)


def _fit_members(network: MeanNetwork, examples: Examples, config: VoiceTraining) -> None:
    """The networks beside it, all at once."""
    x = network.standardised(examples.x)
    parameters = [*network.first.parameters(), *network.second.parameters()]
    optimizer = torch.optim.AdamW(parameters, config.learning_rate, weight_decay=config.weight_decay)
    steps = config.epochs * len(x) // config.batch
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps))
    network.train()
    for _ in range(steps):
        rows = torch.randint(len(x), (config.batch,))
        noisy = x[rows] + config.noise * torch.randn(config.batch, x.shape[1])
        loss = examples.loss(network.members(noisy), rows, config.label_smoothing) * config.members
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
