"""First weights of a face network from published ones: batch normalisation, which these lack, is put back, so
that training goes on well.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mmer_core.encoders.backends.face_convolution import Convolution, PretrainedFaceClassifier
from mmer_core.encoders.backends.face_ensemble import NETWORKS
from mmer_core.encoders.backends.face_network import as_input
from recipes.face.fer2013 import LabelledFaces
from recipes.face.published import STARTS

PICTURES = 1024  # on which the batch statistics are taken
_SMALLEST = 1e-3  # deviation of a channel; what varies less is left as it is


def pretrained(name: str, faces: LabelledFaces) -> dict[str, Tensor]:
    """The state of a network, one of `STARTS`, that computes on grey pictures what the published one
    computes, without its head. Its normalisation has the statistics of `faces`.

    Raises:
        EncoderUnavailable: the published weights are not on this machine; the message says how to get them.
        ValueError: this network starts from none.
    """
    network = NETWORKS[name]().eval()
    if not isinstance(network, PretrainedFaceClassifier):
        raise ValueError(f"there are no published weights for the network {name}")
    convolutions = network.convolutions()
    biases = []
    for i, (layer, (kernel, bias)) in enumerate(zip(convolutions, STARTS[name].kernels(), strict=True)):
        layer.conv.weight.data.copy_(kernel * (STARTS[name].contrast if i == 0 else 1.0))
        _normalise(layer, torch.zeros_like(bias), torch.ones_like(bias) - layer.norm.eps, bias)
        biases.append(bias)
    for layer, bias, (mean, variance) in zip(
        convolutions, biases, _statistics(network, as_input(faces.images[:PICTURES])), strict=True
    ):
        _normalise(layer, mean, variance, bias)
        layer.rescale(variance.sqrt().clamp(min=_SMALLEST))
    return {key: tensor for key, tensor in network.state_dict().items() if not key.startswith("head.")}


def _normalise(layer: Convolution, mean: Tensor, variance: Tensor, bias: Tensor) -> None:
    """Give the layer these statistics (D',) and let it compute its convolution plus `bias` all the same."""
    state = {
        "running_mean": mean,
        "running_var": variance,
        "weight": (variance + layer.norm.eps).sqrt(),
        "bias": mean + bias,
    }
    layer.norm.load_state_dict(layer.norm.state_dict() | state)


def _statistics(network: PretrainedFaceClassifier, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Mean and variance (D',) of what each convolution gives for these pictures, before its normalisation."""
    found: list[tuple[Tensor, Tensor]] = []
    hooks = [
        layer.conv.register_forward_hook(lambda _, __, y: found.append((y.mean((0, 2, 3)), y.var((0, 2, 3)))))
        for layer in network.convolutions()
    ]
    with torch.inference_mode():
        network.embed(x)
    for hook in hooks:
        hook.remove()
    return found
