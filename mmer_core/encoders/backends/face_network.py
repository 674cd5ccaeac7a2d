"""Networks that read an expression from one grey face of 48 x 48 pixels: their base class, and the one that
is trained from scratch.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.labels import EMOTIONS

SIDE = 48  # pixels, the size of FER2013's pictures
STEM = 32
WIDTHS = (64, 128, 256)  # channels at 24, 12 and 6 pixels
DEPTHS = (1, 1, 2)  # residual blocks at each of them


class FaceClassifier(nn.Module):
    """A face network: pictures to an embedding, the embedding to logits.

    Input is (B, 1, 48, 48) float32 grey in [0, 1], framed as in FER2013 (see `faces`).

    Attributes:
        dim: D, width of the embedding.
        dropout: between embedding and head.
        head: the linear classifier; logits = head(embedding). Rows in the order of `labels.EMOTIONS`.
    """

    dim: int
    dropout: nn.Dropout
    head: nn.Linear

    def embed(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to (B, D) float32, not negative."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to logits (B, 7) in the order of `labels.EMOTIONS`."""
        logits: Tensor = self.head(self.dropout(self.embed(x)))
        return logits


def standardised(x: Tensor) -> Tensor:
    """Pictures (B, 1, H, W) with zero mean and unit variance over their own pixels: exposure and contrast do
    not matter; a flat one becomes zeros.
    """
    return (x - x.mean((1, 2, 3), keepdim=True)) / (x.std((1, 2, 3), keepdim=True) + 1e-3)


class SqueezeExcite(nn.Module):
    """Channel attention from the mean over the picture (Hu et al., "Squeeze-and-excitation networks", CVPR
    2018).
    """

    def __init__(self, width: int, reduction: int = 8) -> None:
        super().__init__()
        self.squeeze = nn.Linear(width, width // reduction)
        self.excite = nn.Linear(width // reduction, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) to the same shape."""
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and channel attention beside a shortcut; a stride of 2 averages the shortcut
    (ResNet-D).
    """

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.attention = SqueezeExcite(width)
        nn.init.zeros_(self.norm2.weight)  # each block starts as its shortcut, which trains faster
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != width:
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(
                pool, nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) to (B, D', H / stride, W / stride)."""
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.attention(self.norm2(self.conv2(y)))
        return functional.relu(y + self.shortcut(x))


class FaceNetwork(FaceClassifier):
    """A residual network with channel attention: 2.5 M parameters, 0.16 G multiply-adds a face."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dim = WIDTHS[-1]
        self.stem = nn.Sequential(
            nn.Conv2d(1, STEM, 3, 1, 1, bias=False),
            nn.BatchNorm2d(STEM),
            nn.ReLU(),
            nn.Conv2d(STEM, WIDTHS[0], 3, 2, 1, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.ReLU(),
        )
        blocks: list[nn.Module] = []
        inputs = WIDTHS[0]
        for stage, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
            for i in range(depth):
                blocks.append(ResidualBlock(inputs, width, 2 if stage > 0 and i == 0 else 1))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.dim, len(EMOTIONS))

    def embed(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to (B, D) float32, not negative."""
        y: Tensor = self.blocks(self.stem(standardised(x)))
        return y.float().mean((2, 3))


def as_input(images: np.ndarray) -> Tensor:
    """uint8 grey pictures (B, 48, 48) as the networks' input, (B, 1, 48, 48) float32 in [0, 1]."""
    return torch.from_numpy(as_pixels(images))


def as_pixels(images: np.ndarray) -> np.ndarray:
    """`as_input` as an array."""
    return images[:, None].astype(np.float32) / np.float32(255)
