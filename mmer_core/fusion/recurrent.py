"""The base of attention over sequences: a bidirectional LSTM for each modality, pooled over time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mmer_core.config import JsonConfig
from mmer_core.fusion.base import FusionNetwork
from mmer_core.fusion.layers import ModalityFeatures, pool, shorten, standardizers
from mmer_core.fusion.output import FusionOutput, SubsetOutput, presence
from mmer_core.fusion.subsets import stacked
from mmer_core.labels import Modality


@dataclass(frozen=True)
class RecurrentOptions(JsonConfig):
    """No sizes are published; these are small enough for the 5,531 utterances that the published runs use.

    Attributes:
        pooling: what stands for a sequence: the last state of either direction, the average, the first token,
            or an attention-weighted mean.
        hidden: units of the LSTM in each direction.
        dropout: on the pooled vectors.
        max_frames: longer sequences are averaged down to this many frames first.
    """

    pooling: Literal["last", "average", "cls", "attention"] = "attention"
    hidden: int = 128
    dropout: float = 0.3
    max_frames: int = 512


class Attention(nn.Module):
    """Weights from a learned context vector: softmax of u · tanh(W h + b) over what is valid (Yang et al.
    2016).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.key = nn.Linear(width, width)
        self.context = nn.Linear(width, 1, bias=False)

    def forward(self, states: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N, D) states and (B, N) bool to their weighted mean (B, D) and the weights (B, N); both 0 where
        nothing is valid.
        """
        score = self.context(torch.tanh(self.key(states)))[..., 0]
        score = torch.where(valid, score, torch.finfo(score.dtype).min)
        weights = torch.where(valid, score.softmax(1), 0.0)
        return (weights[..., None] * states).sum(1), weights


class RecurrentBranch(nn.Module):
    """One modality: a bidirectional LSTM over its frames, pooled to a vector of `2 * hidden`."""

    def __init__(self, dim: int, options: RecurrentOptions) -> None:
        super().__init__()
        self.options = options
        self.lstm = nn.LSTM(dim, options.hidden, batch_first=True, bidirectional=True)
        self.attention = Attention(2 * options.hidden) if options.pooling == "attention" else None

    def forward(self, inputs: ModalityFeatures) -> Tensor:
        """(B, 2 hidden); 0 where the modality is absent. Packing keeps the backward direction from starting
        in the padding.
        """
        short = shorten(inputs, self.options.max_frames)
        if short.x.shape[1] == 1:
            return self._vector(short)
        lengths = short.valid.sum(1).clamp_min(1).cpu()
        packed = pack_padded_sequence(short.x, lengths, batch_first=True, enforce_sorted=False)
        output, (last, _) = self.lstm(packed)
        states, _ = pad_packed_sequence(output, batch_first=True, total_length=short.x.shape[1])
        states = torch.where(short.valid[..., None], states, 0.0)
        return torch.where(inputs.present[:, None], self._pool(states, short.valid, last), 0.0)

    def _vector(self, inputs: ModalityFeatures) -> Tensor:
        """As `forward` for a single frame: either direction takes one step from a state of zeros, which its
        recurrent weights do not reach.
        """
        states = torch.cat([self._step(inputs.vector, suffix) for suffix in ("", "_reverse")], 1)
        states = torch.where(inputs.valid, states, 0.0)
        if self.attention is not None:
            states = self.attention(states[:, None], inputs.valid)[0]
        return torch.where(inputs.present[:, None], states, 0.0)

    def _step(self, x: Tensor, suffix: str) -> Tensor:
        """(B, hidden) after one step of one direction, from (B, D)."""
        weight, *biases = (
            getattr(self.lstm, f"{name}_l0{suffix}") for name in ("weight_ih", "bias_ih", "bias_hh")
        )
        entry, _, cell, exit = (F.linear(x, weight, biases[0]) + biases[1]).chunk(4, 1)
        return exit.sigmoid() * (entry.sigmoid() * cell.tanh()).tanh()

    def _pool(self, states: Tensor, valid: Tensor, last: Tensor) -> Tensor:
        if self.attention is not None:
            return self.attention(states, valid)[0]
        match self.options.pooling:
            case "average":
                return pool(states, valid, "mean")
            case "cls":
                return states[:, 0]
            case _:
                return torch.cat([last[0], last[1]], 1)


class RecurrentFusion(FusionNetwork):
    """BLSTM branches; a subclass says how their vectors become one. With a single modality it is the
    published unimodal run.
    """

    Options = RecurrentOptions
    options: RecurrentOptions

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, options)
        self.standardizers = standardizers(self.dims)
        self.branches = nn.ModuleDict({m: RecurrentBranch(dim, self.options) for m, dim in self.dims.items()})
        self.dropout = nn.Dropout(self.options.dropout)

    @abstractmethod
    def combine(self, vectors: Tensor, present: Tensor) -> FusionOutput:
        """From (B, M, 2 hidden) pooled vectors, 0 where absent, and (B, M) bool."""

    def fuse(self, inputs: dict[Modality, ModalityFeatures]) -> FusionOutput:
        return self.combine(self._vectors(inputs), presence(inputs))

    def _vectors(self, inputs: dict[Modality, ModalityFeatures]) -> Tensor:
        """(B, M, 2 hidden) pooled vectors, 0 where absent."""
        return self.dropout(torch.stack([self.branches[m](e) for m, e in inputs.items()], 1))

    def subset_outputs(
        self,
        inputs: dict[Modality, ModalityFeatures],
        subsets: Sequence[Collection[Modality]],
        temperature: Mapping[Modality, Tensor] | None = None,
    ) -> SubsetOutput:
        """As in `FusionNetwork`; each sequence is read once."""
        vectors, there = self._vectors(inputs), presence(inputs)
        mask = [torch.tensor([m in s for m in self.modalities], device=there.device) for s in subsets]
        present = [there & on for on in mask]
        outputs = [
            self.settled(self.combine(torch.where(on[..., None], vectors, 0.0), on), on) for on in present
        ]
        return stacked(outputs, present, [(temperature or {}).get(m) for m in self.modalities])
