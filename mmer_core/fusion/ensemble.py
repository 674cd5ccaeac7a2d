"""An ensemble of early and late fusion in one network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core.config import JsonConfig
from mmer_core.fusion import FUSION_MODELS
from mmer_core.fusion.base import FusionNetwork
from mmer_core.fusion.layers import ModalityFeatures, Standardizer, perceptron, pool
from mmer_core.fusion.output import FusionOutput, presence
from mmer_core.labels import Modality


@dataclass(frozen=True)
class EnsembleOptions(JsonConfig):
    """
    Attributes:
        projection: width to which each modality is brought.
        hidden: widths of the two hidden layers of the early path.
        dropout: after each of them.
        late_hidden: width of the hidden layer of each modality in the late path.
        audio: "conv" reads sound by two convolutions over its frames (40 mel bands as published); "mean"
            takes the mean over time.
    """

    projection: int = 256
    hidden: tuple[int, int] = (512, 256)
    dropout: tuple[float, float] = (0.4, 0.3)
    late_hidden: int = 128
    audio: Literal["conv", "mean"] = "conv"


class FrameConvolution(nn.Module):
    """The audio branch: Conv1d(D, 64, 3) ReLU Conv1d(64, 128, 3) ReLU, max-pool 2, mean over time."""

    width = 128

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(dim, 64, 3, padding=1)
        self.second = nn.Conv1d(64, self.width, 3, padding=1)

    def forward(self, inputs: ModalityFeatures) -> Tensor:
        """(B, 128). What is padding is 0 before every layer, as if the sequence ended there."""
        if inputs.x.shape[1] == 1:
            return torch.where(inputs.valid, self._vector(inputs.vector), 0.0)
        mask = inputs.valid[:, None].to(inputs.x.dtype)
        x = F.relu(self.first(inputs.x.transpose(1, 2))) * mask
        x = F.relu(self.second(x)) * mask
        x, mask = F.max_pool1d(x, 2, ceil_mode=True), F.max_pool1d(mask, 2, ceil_mode=True)
        return pool(x.transpose(1, 2), mask[:, 0] > 0, "mean")

    def _vector(self, x: Tensor) -> Tensor:
        """(B, 128) from (B, D): beside a single frame there is only padding, so the middle of each kernel
        reads it alone.
        """
        for layer in (self.first, self.second):
            x = F.relu(F.linear(x, layer.weight[..., 1], layer.bias))
        return x


class PresentBatchNorm(nn.Module):
    """Batch normalisation whose statistics come only from utterances that have something present."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor, rows: Tensor) -> Tensor:
        """(B, D) to (B, D); `rows` (B,) bool is True where something is present. One row has no spread: it is
        normalised as in use.
        """
        n = self.norm
        if not self.training or int(rows.sum()) < 2:
            return F.batch_norm(x, n.running_mean, n.running_var, n.weight, n.bias, training=False, eps=n.eps)
        return torch.zeros_like(x).index_put((rows,), n(x[rows]))


@FUSION_MODELS.register("ensemble", description="early and late fusion in one network", order=60)
class Ensemble(FusionNetwork):
    """An early path over the concatenated projections, a late path per modality, and a learned share of each.

    Early: concat, 512 BatchNorm ReLU Dropout .4, 256 BatchNorm ReLU Dropout .3, C. Late: 256, 128, C per
    modality, the mean of the logits of those present. Logits: (early · w_e + late · w_l) / (w_e + w_l), the
    weights through a sigmoid. An absent modality enters the early path as zeros.
    """

    Options = EnsembleOptions
    options: EnsembleOptions

    def __init__(self, dims: Mapping[Modality, int], classes: int, **options: Any) -> None:
        super().__init__(dims, classes, options)
        o = self.options
        convolved = {Modality.AUDIO} if o.audio == "conv" else set()
        self.standardizers = nn.ModuleDict(
            {m: Standardizer(m, dim, None if m in convolved else "mean") for m, dim in self.dims.items()}
        )
        self.convolutions = nn.ModuleDict(
            {m: FrameConvolution(self.dims[m]) for m in self.modalities if m in convolved}
        )
        widths = {m: FrameConvolution.width if m in convolved else dim for m, dim in self.dims.items()}
        self.projections = nn.ModuleDict({m: nn.Linear(width, o.projection) for m, width in widths.items()})
        wide, narrow = o.hidden
        self.early_first, self.norm_first = (
            nn.Linear(o.projection * len(widths), wide),
            PresentBatchNorm(wide),
        )
        self.early_second, self.norm_second = nn.Linear(wide, narrow), PresentBatchNorm(narrow)
        self.early_last = nn.Linear(narrow, classes)
        self.late = nn.ModuleDict(
            {m: perceptron((o.projection, o.late_hidden, classes)) for m in self.modalities}
        )
        self.balance = nn.Parameter(torch.zeros(2))  # early, late; before the sigmoid

    def fuse(self, inputs: dict[Modality, ModalityFeatures]) -> FusionOutput:
        present = presence(inputs)
        projected = [self._project(m, e) for m, e in inputs.items()]
        unimodal = {m: self.late[m](x) for m, x in zip(inputs, projected, strict=True)}
        counted = torch.where(present[..., None], torch.stack(list(unimodal.values()), 1), 0.0)
        late = counted.sum(1) / present.sum(1, keepdim=True).clamp_min(1)
        early = self._early(torch.cat(projected, 1), present.any(1))
        w_early, w_late = self.balance.sigmoid()
        return FusionOutput((early * w_early + late * w_late) / (w_early + w_late), unimodal)

    def _project(self, modality: Modality, inputs: ModalityFeatures) -> Tensor:
        vector = self.convolutions[modality](inputs) if modality in self.convolutions else inputs.vector
        return torch.where(inputs.present[:, None], F.relu(self.projections[modality](vector)), 0.0)

    def _early(self, x: Tensor, rows: Tensor) -> Tensor:
        first, second = self.options.dropout
        x = F.dropout(F.relu(self.norm_first(self.early_first(x), rows)), first, self.training)
        x = F.dropout(F.relu(self.norm_second(self.early_second(x), rows)), second, self.training)
        return self.early_last(x)
