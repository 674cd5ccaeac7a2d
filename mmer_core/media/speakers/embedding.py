"""CAM++ (Wang et al. 2023): a voice as a vector that is much the same whatever it says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmer_core.media.speakers.filter_bank import BANDS, filter_bank
from mmer_core.media.weight_files import load_network

WEIGHTS = Path(__file__).parent / "weights" / "embedding.safetensors"
DIM = 192
SHORTEST = 2_400  # samples; less gives no frames worth reading
BATCH = 4  # pieces that are read at once
_SEGMENT = 100  # frames of a segment's mean
_GROWTH, _BOTTLENECK = 32, 128  # channels of a dense layer's output, and inside it
_BLOCKS = ((12, 1), (24, 2), (16, 2))  # layers and dilation of each dense block


class _Normalised(nn.Module):
    """Batch normalisation, then a rectifier."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.batchnorm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.batchnorm(x))


class _Residual(nn.Module):
    def __init__(self, stride: int, channels: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, stride=(stride, 1), padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride > 1:
            narrow = nn.Conv2d(channels, channels, 1, stride=(stride, 1), bias=False)
            self.shortcut = nn.Sequential(narrow, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class _Head(nn.Module):
    """Convolutions over time and bands: (B, 80, T) to (B, 320, T)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.layer1 = nn.Sequential(_Residual(2), _Residual(1))
        self.layer2 = nn.Sequential(_Residual(2), _Residual(1))
        self.conv2 = nn.Conv2d(32, 32, 3, stride=(2, 1), padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(32)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x[:, None])))
        x = F.relu(self.bn2(self.conv2(self.layer2(self.layer1(x)))))
        return x.flatten(1, 2)


class _Mask(nn.Module):
    """A convolution whose channels are weighted by the mean of the segment and of the whole."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.linear_local = nn.Conv1d(
            _BOTTLENECK, _GROWTH, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.linear1 = nn.Conv1d(_BOTTLENECK, _BOTTLENECK // 2, 1)
        self.linear2 = nn.Conv1d(_BOTTLENECK // 2, _GROWTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        means = F.avg_pool1d(x, _SEGMENT, _SEGMENT, ceil_mode=True)
        context = x.mean(-1, keepdim=True) + means
        weights = torch.sigmoid(self.linear2(F.relu(self.linear1(context))))
        return self.linear_local(x) * weights.repeat_interleave(_SEGMENT, -1)[..., : x.shape[-1]]


class _Dense(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.nonlinear1 = _Normalised(channels)
        self.linear1 = nn.Conv1d(channels, _BOTTLENECK, 1, bias=False)
        self.nonlinear2 = _Normalised(_BOTTLENECK)
        self.cam_layer = _Mask(dilation)

    def forward(self, x: Tensor) -> Tensor:
        y = self.nonlinear2(self.linear1(self.nonlinear1(x)))
        return torch.cat([x, self.cam_layer(y)], dim=1)


class _Narrowing(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.nonlinear = _Normalised(channels)
        self.linear = nn.Conv1d(channels, channels // 2, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(self.nonlinear(x))


class _Layer(nn.Module):
    """A linear map, then batch normalisation and perhaps a rectifier."""

    def __init__(self, linear: nn.Conv1d, *, last: bool) -> None:
        super().__init__()
        self.linear, self.last = linear, last
        self.nonlinear = nn.ModuleDict({"batchnorm": nn.BatchNorm1d(linear.out_channels, affine=not last)})

    def forward(self, x: Tensor) -> Tensor:
        x = self.nonlinear["batchnorm"](self.linear(x))
        return x if self.last else F.relu(x)


class EmbeddingNetwork(nn.Module):
    """CAM++ for 80 bands and 192 dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.head = _Head()
        first = nn.Conv1d(4 * BANDS, 128, 5, stride=2, padding=2, bias=False)
        parts: dict[str, nn.Module] = {"tdnn": _Layer(first, last=False)}
        channels = 128
        for i, (layers, dilation) in enumerate(_BLOCKS, start=1):
            block = nn.Sequential()
            for j in range(layers):
                block.add_module(f"tdnnd{j + 1}", _Dense(channels + j * _GROWTH, dilation))
            channels += layers * _GROWTH
            parts[f"block{i}"], parts[f"transit{i}"] = block, _Narrowing(channels)
            channels //= 2
        parts["out_nonlinear"] = _Normalised(channels)
        parts["dense"] = _Layer(nn.Conv1d(2 * channels, DIM, 1, bias=False), last=True)
        self.xvector = nn.ModuleDict(parts)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, 80) filter banks to (B, 192)."""
        x = self.head(x.transpose(1, 2))
        for name, part in self.xvector.items():
            if name == "dense":
                x = torch.cat([x.mean(-1), x.std(-1)], dim=1)[..., None]
            x = part(x)
        return x.squeeze(-1)


def embed(waveform: np.ndarray, pieces: Sequence[tuple[int, int]]) -> np.ndarray:
    """(N, 192) float32 of length 1: the voice in each piece of a recording.

    Args:
        waveform: float32 at 16 kHz.
        pieces: N times the first sample and that after the last, `SHORTEST` or more of them.
    """
    network = load_network(WEIGHTS, EmbeddingNetwork)
    vectors = np.zeros((len(pieces), DIM), dtype=np.float32)
    for rows in _alike(pieces):
        sound = np.stack([waveform[slice(*pieces[i])] for i in rows])
        with torch.inference_mode():
            vectors[rows] = network(torch.from_numpy(filter_bank(sound))).numpy()
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _alike(pieces: Sequence[tuple[int, int]]) -> Iterable[list[int]]:
    """Positions of pieces of one length, `BATCH` at a time and the rest one by one: the library keeps memory
    for every shape that it has met.
    """
    by_length: dict[int, list[int]] = {}
    for i, (start, end) in enumerate(pieces):
        by_length.setdefault(end - start, []).append(i)
    for rows in by_length.values():
        whole = len(rows) // BATCH * BATCH
        yield from (rows[i : i + BATCH] for i in range(0, whole, BATCH))
        yield from ([row] for row in rows[whole:])
