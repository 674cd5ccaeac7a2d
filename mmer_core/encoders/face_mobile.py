"""The face network that does not start from nothing: a MobileNet whose first weights were learned from millions of faces."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.encoders.face_network import FaceReader, standardised
from mmer_core.labels import EMOTIONS

STEM = 32
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))  # channels and stride
_SMALLEST = 1e-12  # a kernel of nothing but zeros stays so
ENLARGED = 2  # times; the first weights are used to faces of more than 48 pixels


class Convolution(nn.Module):
    """A convolution without bias, batch normalisation and ReLU6; a stride of 2 pads as TensorFlow does (more at the lower right)."""

    def __init__(self, before: int, width: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(before, width, kernel, stride, 0 if stride > 1 else kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) to (B, D', H / stride, W / stride), in [0, 6]."""
        if self.stride > 1:
            rows, columns = (1 - size % 2 for size in x.shape[2:])  # an odd side takes one pixel on both ends, an even one at its end
            x = functional.pad(x, (1 - columns, 1, 1 - rows, 1))
            # in bfloat16 the gradients of a strided depthwise convolution take eight times as long on a processor
            with torch.autocast(x.device.type, enabled=False):
                y: Tensor = self.conv(x.float())
        else:
            y = self.conv(x)
        return functional.relu6(self.norm(y))

    @torch.no_grad()
    def rescale(self, scale: Tensor) -> None:
        """Divide what the convolution gives by `scale` (D',), above 0, and let the normalisation make up for it: the layer computes the same."""
        state = self.norm.state_dict()
        variance = state["running_var"] / scale**2
        weight = state["weight"] * scale * ((variance + self.norm.eps) / (state["running_var"] + self.norm.eps)).sqrt()
        self.norm.load_state_dict(state | {"running_mean": state["running_mean"] / scale, "running_var": variance, "weight": weight})
        self.conv.weight.div_(scale[:, None, None, None])


class FaceMobileNet(FaceReader):
    """MobileNet (Howard et al. 2017) on the face enlarged to 96 pixels, grey: 3.2 M parameters, 0.1 G multiply-adds a face.

    Attributes:
        layers: the 27 convolutions in their order: the first, then a depthwise and a pointwise one for each of `BLOCKS`.
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dim = BLOCKS[-1][0]
        layers = [Convolution(1, STEM, 3, 2)]
        before = STEM
        for width, stride in BLOCKS:
            layers += [Convolution(before, before, 3, stride, groups=before), Convolution(before, width, 1)]
            before = width
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.dim, len(EMOTIONS))

    def convolutions(self) -> list[Convolution]:
        """Its layers."""
        return [layer for layer in self.layers if isinstance(layer, Convolution)]

    def even_out(self) -> None:
        """Let the largest number of every kernel be 1: some are a million times as large as others, more than half precision holds."""
        for layer in self.convolutions():
            layer.rescale(layer.conv.weight.detach().abs().amax((1, 2, 3)).clamp(min=_SMALLEST))

    def embed(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to (B, D) float32, in [0, 6]."""
        x = functional.interpolate(standardised(x), scale_factor=ENLARGED, mode="bilinear", align_corners=False)
        y: Tensor = self.layers(x.contiguous(memory_format=torch.channels_last))
        return y.float().mean((2, 3))
