"""Cross-modal attention on top of additive evidence: the strongest model here on paired data.

What each modality says alone is added up like log evidence, each scaled by a gate that judges how far it can be trusted in this utterance;
one cross-modal attention layer (Tsai et al. 2019, MulT) then corrects the sum where the modalities say something together. Gates and correction
start at nothing, so training begins at the plain sum and leaves it only where that pays: with 1,440 utterances it rarely does, and a
transformer that mixes all tokens from the start overfits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core.config import JsonConfig
from mmer_core.features.batch import FeatureBatch
from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.layers import Evidence, readers, shorten
from mmer_core.fusion.model import FusionNetwork, FusionOutput, masked_cross_entropy, presence
from mmer_core.labels import Modality

STATISTICS = 3  # mean, standard deviation and maximum over time stand before the tokens


@dataclass(frozen=True)
class CrossModalOptions(JsonConfig):
    """
    Attributes:
        width: of what stands for one modality.
        attention: width of queries, keys and values; divisible by `heads`.
        heads: of the attention layers.
        tokens: a longer sequence is averaged over this many equal stretches.
        dropout: on what stands for a modality.
        input_dropout: share of the features that are hidden in a training step.
        opinion_weight: weight in the loss of what each modality says alone.
    """

    width: int = 256
    attention: int = 64
    heads: int = 4
    tokens: int = 32
    dropout: float = 0.5
    input_dropout: float = 0.2
    opinion_weight: float = 0.5


@FUSION_MODELS.register("crossmodal")
class CrossModal(FusionNetwork):
    """Gated sum of what each modality says alone, plus what cross-modal attention reads from them together.

    Train it with modality dropout, label smoothing and AdamW (weight decay 0.01).
    """

    Options = CrossModalOptions
    options: CrossModalOptions

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, options)
        self.readers = readers(self.dims)
        self.statistics = readers(self.dims, "stats")
        self.branches = nn.ModuleDict({m: Branch(dim, classes, self.options) for m, dim in self.dims.items()})

    def read(self, batch: FeatureBatch) -> dict[Modality, Evidence]:
        """For each modality (B, 3 + tokens, D): mean, standard deviation and maximum over time, then the sequence cut to `tokens`."""
        return {m: self._read(m, batch) for m in self.modalities}

    @property
    def evidence_size(self) -> int:
        return (STATISTICS + self.options.tokens) * sum(self.dims.values())

    def _read(self, modality: Modality, batch: FeatureBatch) -> Evidence:
        statistics = self.statistics[modality](batch)
        frames = shorten(self.readers[modality](batch), self.options.tokens)
        rest = self.options.tokens - frames.x.shape[1]  # always the same length, so that a trainer can keep what was read
        x = torch.cat([statistics.x.unflatten(2, (STATISTICS, -1))[:, 0], F.pad(frames.x, (0, 0, 0, rest))], 1)
        return Evidence(x, torch.cat([statistics.valid.expand(-1, STATISTICS), F.pad(frames.valid, (0, rest))], 1))

    def fuse(self, evidence: dict[Modality, Evidence]) -> FusionOutput:
        present = presence(evidence)
        branches = {m: cast(Branch, self.branches[m]) for m in self.modalities}
        heard = {m: branches[m].listen(e) for m, e in evidence.items()}
        opinions = {m: branches[m].opinion(h) for m, h in heard.items()}
        gates = torch.where(present, torch.cat([branches[m].gate(h) for m, h in heard.items()], 1), 0.0)
        logits = (gates[..., None] * torch.stack(list(opinions.values()), 1)).sum(1)
        for m, (asking, both) in self._questions(heard, present).items():
            logits = logits + torch.where(both[:, None], branches[m].answer(asking, heard[m]), 0.0)
        return FusionOutput(logits, opinions, gates / gates.sum(1, keepdim=True).clamp_min(1e-12))

    def _questions(self, heard: dict[Modality, Heard], present: Tensor) -> dict[Modality, tuple[Tensor, Tensor]]:
        """For each modality the mean state (B, width) of the others that are present, and (B,) whether it and one of them are."""
        states = torch.stack([h.state for h in heard.values()], 1)
        questions = {}
        for i, modality in enumerate(heard):
            others = present.clone()
            others[:, i] = False
            mean = torch.where(others[..., None], states, 0.0).sum(1) / others.sum(1, keepdim=True).clamp_min(1)
            questions[modality] = (mean, present[:, i] & others.any(1))
        return questions

    def loss(self, output: FusionOutput, y: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0) -> Tensor:
        """Cross-entropy of the fused logits plus `opinion_weight` times that of each opinion, so that each modality also stands alone."""
        apart = [
            masked_cross_entropy(logits, y, logits[:, 0].isfinite(), weight=weight, label_smoothing=label_smoothing)
            for logits in output.opinions.values()
        ]
        fused = F.cross_entropy(output.logits, y, weight=weight, label_smoothing=label_smoothing)
        return fused + self.options.opinion_weight * torch.stack(apart).sum()


@dataclass(frozen=True)
class Heard:
    """One modality on its own.

    Attributes:
        state: (B, width), what it says as a whole.
        tokens: (B, T, attention), what it says when.
        valid: (B, T) bool; all True where the modality is absent, so that attention has something to normalise.
    """

    state: Tensor
    tokens: Tensor
    valid: Tensor


class Branch(nn.Module):
    """One modality: its state from statistics and self-attention, its opinion, its gate, and its answers to the other modalities."""

    def __init__(self, dim: int, classes: int, options: CrossModalOptions) -> None:
        super().__init__()
        o = options
        self.input_dropout, self.dropout = nn.Dropout(o.input_dropout), nn.Dropout(o.dropout)
        self.statistics, self.frames = nn.Linear(STATISTICS * dim, o.width), nn.Linear(dim, o.attention)
        self.attention = Attention(o.attention, o.heads)
        self.own_question = nn.Parameter(0.1 * torch.randn(o.attention))
        self.question = nn.Linear(o.width, o.attention)
        self.classifier = nn.Linear(o.width, classes)
        self.attended, self.reliability, self.together = zeros(o.attention, o.width), zeros(o.width, 1), zeros(o.attention, classes)

    def listen(self, evidence: Evidence) -> Heard:
        """Read one modality's evidence, (B, 3 + T, D)."""
        x = self.input_dropout(evidence.x)
        valid = evidence.valid[:, STATISTICS:] | ~evidence.present[:, None]
        tokens = F.relu(self.frames(x[:, STATISTICS:]))
        own = self.attention(self.own_question.expand(len(x), -1), tokens, valid)
        return Heard(F.relu(self.statistics(x[:, :STATISTICS].flatten(1)) + self.attended(own)), tokens, valid)

    def opinion(self, heard: Heard) -> Tensor:
        """(B, C) logits."""
        return self.classifier(self.dropout(heard.state))

    def gate(self, heard: Heard) -> Tensor:
        """(B, 1) in (0, 2), 1 before training: how much the opinion counts."""
        return 2 * self.reliability(self.dropout(heard.state)).sigmoid()

    def answer(self, asking: Tensor, heard: Heard) -> Tensor:
        """(B, C) correction of the logits: what the tokens say to the (B, width) state of the other modalities."""
        return self.together(self.dropout(self.attention(self.question(asking), heard.tokens, heard.valid)))


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) with one query for each utterance."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, query: Tensor, tokens: Tensor, valid: Tensor) -> Tensor:
        """(B, W) query, (B, T, W) tokens, (B, T) bool to (B, W)."""
        q, k, v = (x.unflatten(-1, (self.heads, -1)) for x in (query, self.key(tokens), self.value(tokens)))
        scores = torch.einsum("bhw,bthw->bth", q, k) / q.shape[-1] ** 0.5
        weights = torch.where(valid[..., None], scores, torch.finfo(scores.dtype).min).softmax(1)
        return torch.einsum("bth,bthw->bhw", weights, v).flatten(1)


def zeros(inputs: int, outputs: int) -> nn.Linear:
    """A linear layer that says nothing until it has learned to."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
