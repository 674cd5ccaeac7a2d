"""Parts of face networks with a pretrained backbone: convolutions whose batch normalisation can be put back
and scaled.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.encoders.backends.face_network import FaceClassifier, standardised

ENLARGED = 2  # times; published weights are used to faces of more than 48 pixels
_SMALLEST = 1e-12  # a kernel of nothing but zeros stays so


class Convolution(nn.Module):
    """A convolution without bias and its batch normalisation; a stride of 2 pads as TensorFlow does (more at
    the lower right).
    """

    def __init__(self, inputs: int, width: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.stride = stride
        self.conv = nn.Conv2d(
            inputs, width, kernel, stride, 0 if stride > 1 else kernel // 2, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) to (B, D', H / stride, W / stride), rounded up."""
        if self.stride > 1:
            # an odd side takes one pixel more than an even one
            rows, columns = (self.conv.kernel_size[0] - 2 + size % 2 for size in x.shape[2:])
            x = functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        y: Tensor = self.norm(self._convolve(x))
        return y

    def _convolve(self, x: Tensor) -> Tensor:
        if self.stride > 1 and self.conv.groups > 1:
            # in bfloat16 the gradients of a strided depthwise convolution take eight times as long on a
            # processor
            with torch.autocast(x.device.type, enabled=False):
                y: Tensor = self.conv(x.float())
        else:
            y = self.conv(x)
        return y

    @torch.no_grad()
    def rescale(self, scale: Tensor) -> None:
        """Divide the output of the convolution by `scale` (D',), above 0, and let the normalisation make up
        for it: the layer computes the same.
        """
        state = self.norm.state_dict()
        variance = state["running_var"] / scale**2
        weight = (
            state["weight"]
            * scale
            * ((variance + self.norm.eps) / (state["running_var"] + self.norm.eps)).sqrt()
        )
        self.norm.load_state_dict(
            state | {"running_mean": state["running_mean"] / scale, "running_var": variance, "weight": weight}
        )
        self.conv.weight.div_(scale[:, None, None, None])


class PretrainedFaceClassifier(FaceClassifier):
    """A face network that is built of `Convolution` alone, so that published weights can be its first ones;
    it sees the face at 96 pixels.
    """

    def maps(self, x: Tensor) -> Tensor:
        """(B, 1, 96, 96) float32 of zero mean and unit variance to (B, D, H, W), not negative, whose mean
        over H and W is the embedding.
        """
        raise NotImplementedError

    def embed(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to (B, D) float32, not negative."""
        x = functional.interpolate(
            standardised(x), scale_factor=ENLARGED, mode="bilinear", align_corners=False
        )
        return self.maps(x.contiguous(memory_format=torch.channels_last)).float().mean((2, 3))

    def convolutions(self) -> list[Convolution]:
        """Its layers, from the input on."""
        return [layer for layer in self.modules() if isinstance(layer, Convolution)]

    def even_out(self) -> None:
        """Let the largest number of every kernel be 1: some are a million times as large as others, more than
        half precision holds.
        """
        for layer in self.convolutions():
            layer.rescale(layer.conv.weight.detach().abs().amax((1, 2, 3)).clamp(min=_SMALLEST))
