"""Cross-modal attention as a correction of summed unimodal predictions: the strongest network here on paired
data.

The unimodal logits are added up like log evidence, each scaled by a gate that estimates how far it can be
trusted in this utterance; one cross-modal attention layer (Tsai et al. 2019, MulT) then corrects the sum.
Gates and correction are zero-initialised, so training begins at the plain sum and leaves it only where that
pays: with 1,440 utterances it rarely does, and a transformer that mixes all tokens from the start overfits.
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
from mmer_core.fusion.base import FusionNetwork, unimodal_cross_entropy
from mmer_core.fusion.layers import ModalityFeatures, shorten, standardizers
from mmer_core.fusion.output import FusionOutput, presence
from mmer_core.labels import Modality

STATISTICS = 3  # mean, standard deviation and maximum over time stand before the tokens


@dataclass(frozen=True)
class CrossModalOptions(JsonConfig):
    """
    Attributes:
        width: of the state that stands for one modality.
        attention: width of queries, keys and values; divisible by `heads`.
        heads: of the attention layers.
        tokens: a longer sequence is averaged over this many equal stretches.
        dropout: on states and on what was attended to.
        input_dropout: share of the features that are hidden in a training step.
        unimodal_weight: weight in the loss of the unimodal predictions.
    """

    width: int = 256
    attention: int = 64
    heads: int = 4
    tokens: int = 32
    dropout: float = 0.5
    input_dropout: float = 0.2
    unimodal_weight: float = 0.5


@FUSION_MODELS.register(
    "crossmodal", description="unimodal predictions corrected by cross-modal attention", order=90
)
class CrossModal(FusionNetwork):
    """Gated sum of the unimodal logits, plus a correction by cross-modal attention."""

    Options = CrossModalOptions
    options: CrossModalOptions

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, options)
        self.standardizers = standardizers(self.dims)
        self.statistics = standardizers(self.dims, "stats")
        self.branches = nn.ModuleDict({m: Branch(dim, classes, self.options) for m, dim in self.dims.items()})

    def read(self, batch: FeatureBatch) -> dict[Modality, ModalityFeatures]:
        """For each modality (B, 3 + T, D): mean, standard deviation and maximum over time, then the sequence
        cut to at most `tokens`.
        """
        return {m: self._read(m, batch) for m in self.modalities}

    @property
    def input_size(self) -> int:
        return (STATISTICS + self.options.tokens) * sum(self.dims.values())

    def _read(self, modality: Modality, batch: FeatureBatch) -> ModalityFeatures:
        statistics = self.statistics[modality](batch)
        frames = shorten(self.standardizers[modality](batch), self.options.tokens)
        pooled = statistics.x.unflatten(2, (STATISTICS, -1))[:, 0]
        valid = statistics.valid.expand(-1, STATISTICS)
        return ModalityFeatures(torch.cat([pooled, frames.x], 1), torch.cat([valid, frames.valid], 1))

    def fuse(self, inputs: dict[Modality, ModalityFeatures]) -> FusionOutput:
        present = presence(inputs)
        branches = {m: cast(Branch, self.branches[m]) for m in self.modalities}
        encoded = {m: branches[m].encode(e) for m, e in inputs.items()}
        unimodal = {m: branches[m].classify(e) for m, e in encoded.items()}
        gates = torch.where(present, torch.cat([branches[m].gate(e) for m, e in encoded.items()], 1), 0.0)
        logits = (gates[..., None] * torch.stack(list(unimodal.values()), 1)).sum(1)
        states = torch.stack([e.state for e in encoded.values()], 1)
        for i, (m, branch) in enumerate(branches.items()):
            others = present & (torch.arange(len(branches), device=present.device) != i)
            both = present[:, i] & others.any(1)
            logits = logits + torch.where(both[:, None], branch.correct(states, others, encoded[m]), 0.0)
        return FusionOutput(logits, unimodal, gates / gates.sum(1, keepdim=True).clamp_min(1e-12))

    def loss(
        self, output: FusionOutput, y: Tensor, *, weight: Tensor | None = None, label_smoothing: float = 0.0
    ) -> Tensor:
        """Cross-entropy of the fused logits plus `unimodal_weight` times that of each unimodal prediction, so
        that each modality also stands alone.
        """
        fused = F.cross_entropy(output.logits, y, weight=weight, label_smoothing=label_smoothing)
        apart = unimodal_cross_entropy(output, y, weight=weight, label_smoothing=label_smoothing)
        return fused + self.options.unimodal_weight * apart


@dataclass(frozen=True)
class EncodedModality:
    """
    Attributes:
        state: (B, width), of the whole utterance.
        keys: (B, T, attention), of its stretches of time; None for a single one, which takes all attention.
        values: (B, T, attention), of them.
        valid: (B, T) bool; all True where the modality is absent, so that attention has something to
            normalise.
    """

    state: Tensor
    keys: Tensor | None
    values: Tensor
    valid: Tensor


class Branch(nn.Module):
    """One modality: its state from statistics and self-attention, its unimodal logits, its gate, and its
    correction of the fused logits.
    """

    def __init__(self, dim: int, classes: int, options: CrossModalOptions) -> None:
        super().__init__()
        o = options
        self.input_dropout, self.dropout = nn.Dropout(o.input_dropout), nn.Dropout(o.dropout)
        self.statistics, self.frames = nn.Linear(STATISTICS * dim, o.width), nn.Linear(dim, o.attention)
        self.attention = Attention(o.attention, o.heads)
        self.pooling_query = nn.Parameter(0.1 * torch.randn(o.attention))
        self.query = nn.Linear(o.width, o.attention)
        self.classifier = nn.Linear(o.width, classes)
        self.attended_to_state = zero_linear(o.attention, o.width)
        self.state_to_gate = zero_linear(o.width, 1)
        self.attended_to_logits = zero_linear(o.attention, classes)

    def encode(self, inputs: ModalityFeatures) -> EncodedModality:
        """State and tokens of one modality's features, (B, 3 + T, D)."""
        x = self.input_dropout(inputs.x)
        valid = inputs.valid[:, STATISTICS:] | ~inputs.present[:, None]
        tokens = F.relu(self.frames(x[:, STATISTICS:]))
        values = self.attention.value(tokens)
        if tokens.shape[1] == 1:
            keys, attended = None, values[:, 0]
        else:
            keys = self.attention.key(tokens)
            attended = self.attention(self.pooling_query.expand(len(x), -1), keys, values, valid)
        state = F.relu(self.statistics(x[:, :STATISTICS].flatten(1)) + self.attended_to_state(attended))
        return EncodedModality(state, keys, values, valid)

    def classify(self, encoded: EncodedModality) -> Tensor:
        """(B, C) logits of this modality alone."""
        return self.classifier(self.dropout(encoded.state))

    def gate(self, encoded: EncodedModality) -> Tensor:
        """(B, 1) in (0, 2), 1 before training: how much the unimodal logits count."""
        return 2 * self.state_to_gate(self.dropout(encoded.state)).sigmoid()

    def correct(self, states: Tensor, others: Tensor, encoded: EncodedModality) -> Tensor:
        """(B, C) correction of the logits: the tokens attended to with the mean state of the other modalities
        as the query.

        Args:
            states: (B, M, width), of all modalities.
            others: (B, M) bool, those that make the query.
            encoded: this modality.
        """
        if encoded.keys is None:
            attended = encoded.values[:, 0]
        else:
            total = torch.where(others[..., None], states, 0.0).sum(1)
            query = self.query(total / others.sum(1, keepdim=True).clamp_min(1))
            attended = self.attention(query, encoded.keys, encoded.values, encoded.valid)
        return self.attended_to_logits(self.dropout(attended))


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al. 2017) with one query for each utterance."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.key, self.value = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, query: Tensor, keys: Tensor, values: Tensor, valid: Tensor) -> Tensor:
        """(B, W) query, (B, T, W) keys and values, (B, T) bool to (B, W)."""
        q, k, v = (x.unflatten(-1, (self.heads, -1)) for x in (query, keys, values))
        scores = torch.einsum("bhw,bthw->bth", q, k) / q.shape[-1] ** 0.5
        weights = torch.where(valid[..., None], scores, torch.finfo(scores.dtype).min).softmax(1)
        return torch.einsum("bth,bthw->bhw", weights, v).flatten(1)


def zero_linear(inputs: int, outputs: int) -> nn.Linear:
    """A zero-initialised linear layer."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
