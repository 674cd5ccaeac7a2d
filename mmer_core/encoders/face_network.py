"""The network that reads an expression from one grey face of 48 x 48 pixels, and how its weights lie on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.labels import EMOTIONS

SIDE = 48  # pixels, the size of FER2013's pictures
STEM = 32
WIDTHS = (64, 128, 256)  # channels at 24, 12 and 6 pixels
DEPTHS = (1, 1, 2)  # residual blocks at each of them
_EXPERT = "expert."  # prefix of the tensors that `fusion.product.FrameLinear` reads


class SqueezeExcite(nn.Module):
    """Channel attention from the mean over the picture (Hu et al., "Squeeze-and-excitation networks", CVPR 2018)."""

    def __init__(self, width: int, reduction: int = 8) -> None:
        super().__init__()
        self.squeeze = nn.Linear(width, width // reduction)
        self.excite = nn.Linear(width // reduction, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) to the same shape."""
        gate = torch.sigmoid(self.excite(functional.relu(self.squeeze(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and channel attention beside a shortcut; a stride of 2 averages the shortcut (ResNet-D)."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.attention = SqueezeExcite(width)
        nn.init.zeros_(self.norm2.weight)  # each block starts as its shortcut, which trains faster
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or before != width:
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) to (B, D', H / stride, W / stride)."""
        y = functional.relu(self.norm1(self.conv1(x)))
        y = self.attention(self.norm2(self.conv2(y)))
        return functional.relu(y + self.shortcut(x))


class FaceNetwork(nn.Module):
    """A residual network with channel attention: 2.5 M parameters, 0.16 G multiply-adds a face.

    Input is (B, 1, 48, 48) float32 grey in [0, 1], framed as in FER2013 (see `faces`). Each picture is standardised inside (zero mean, unit
    variance over its own pixels), so exposure and contrast do not matter; a flat picture becomes zeros.

    Attributes:
        dim: D, width of the embedding.
        head: the linear classifier; logits = head(embedding). Rows in the order of `labels.EMOTIONS`.
    """

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
        before = WIDTHS[0]
        for stage, (width, depth) in enumerate(zip(WIDTHS, DEPTHS, strict=True)):
            for i in range(depth):
                blocks.append(ResidualBlock(before, width, 2 if stage > 0 and i == 0 else 1))
                before = width
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.dim, len(EMOTIONS))

    def embed(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to (B, D) float32, not negative."""
        mean = x.mean((1, 2, 3), keepdim=True)
        std = x.std((1, 2, 3), keepdim=True)
        y: Tensor = self.blocks(self.stem((x - mean) / (std + 1e-3)))
        return y.float().mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to logits (B, 7) in the order of `labels.EMOTIONS`."""
        logits: Tensor = self.head(self.dropout(self.embed(x)))
        return logits


class FaceEnsemble(nn.Module):
    """Face networks side by side. Their embeddings lie in a row, so that the logits, the mean of theirs, are linear in it as well.

    Args:
        members: trained networks, at least one.
        temperatures: one for each, by which its logits are divided before the mean is taken: members that are too sure are heard less. 1 by default.

    Attributes:
        dim: D, the sum of the members' widths.
        head: the linear classifier; logits = head(embedding). Rows in the order of `labels.EMOTIONS`.
    """

    def __init__(self, members: Sequence[FaceNetwork], temperatures: Sequence[float] | None = None) -> None:
        super().__init__()
        scales = [1.0 / (t * len(members)) for t in temperatures or [1.0] * len(members)]
        self.members = nn.ModuleList(members)
        self.dim = sum(member.dim for member in members)
        self.head = nn.Linear(self.dim, len(EMOTIONS))
        with torch.no_grad():
            self.head.weight.copy_(torch.cat([scale * member.head.weight for scale, member in zip(scales, members, strict=True)], dim=1))
            self.head.bias.copy_(torch.stack([scale * member.head.bias for scale, member in zip(scales, members, strict=True)]).sum(0))

    def embed(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to (B, D) float32, not negative."""
        return torch.cat([member.embed(x) for member in self._networks()], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to logits (B, 7) in the order of `labels.EMOTIONS`."""
        logits: Tensor = self.head(self.embed(x))
        return logits

    def _networks(self) -> Sequence[FaceNetwork]:
        return [member for member in self.members if isinstance(member, FaceNetwork)]


def embed_flipped(network: FaceNetwork | FaceEnsemble, x: Tensor) -> Tensor:
    """The mean embedding of each picture and its mirror image: (B, 1, 48, 48) to (B, D).

    The head is linear, so its logits on this embedding are the mean logits of both (test-time flip).
    """
    both = network.embed(torch.cat([x, x.flip(3)]))
    return both.view(2, len(x), -1).mean(0)


def as_input(images: np.ndarray) -> Tensor:
    """uint8 grey pictures (B, 48, 48) as the network's input, (B, 1, 48, 48) float32 in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1).float() / 255


def save_network(network: FaceEnsemble, path: Path) -> None:
    """Write the weights in half precision (5 MB a member).

    The head lies there under `head.weight` (7, D) and `head.bias` (7,), and again as the linear expert that a product of experts reads.
    """
    halves = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    expert = {f"{_EXPERT}linear.{k}": halves[f"head.{k}"].clone() for k in ("weight", "bias")}
    save_file({k: v.contiguous() for k, v in (halves | expert).items()}, path)


def load_network(path: Path) -> FaceEnsemble:
    """The networks in float32, ready to use (evaluation mode, channels last).

    Raises:
        ValueError: the file does not hold such networks' weights.
    """
    weights = {k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items() if not k.startswith(_EXPERT)}
    count = len({k.split(".")[1] for k in weights if k.startswith("members.")})
    if not count:
        raise ValueError("it holds no face network of this project")
    network = FaceEnsemble([FaceNetwork() for _ in range(count)])
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError("its tensors are not those of this project's face networks") from error
    return network.eval().to(memory_format=torch.channels_last)
