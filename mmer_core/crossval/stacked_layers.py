"""Forward and backward pass of several classifiers of one shape at once, by hand and into memory that stays:
through autograd and `torch.vmap` they take three times as long (docs/evidence/defaults.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters


class StackedLayers:
    """K classifiers of one shape, advanced together: linear layers with ReLU and dropout between them (see
    `fusion.layers.perceptron`). Their parameters become views of the stack.

    Args:
        classifiers: on one device.
        half: multiply in bfloat16; sums, weights and gradients stay float32.

    Attributes:
        parameters: (K, P), float32; of each classifier one after the other, in their order.
        gradients: (P,) of each classifier, set by `backward`.
        dropout: of each hidden layer, the chance that a value is hidden.
    """

    def __init__(self, classifiers: Sequence[nn.Sequential], *, half: bool = False) -> None:
        self.half = half
        self.parameters = torch.stack([parameters_to_vector(c.parameters()).detach() for c in classifiers])
        gradient = torch.zeros_like(self.parameters)
        self.gradients = gradient.unbind()
        for classifier, own in zip(classifiers, self.parameters, strict=True):
            vector_to_parameters(own, classifier.parameters())
        shapes = [parameter.shape for parameter in classifiers[0].parameters()]
        self._weights, self._biases = _views(self.parameters, shapes)
        self._changes = list(zip(*_views(gradient, shapes), strict=True))
        self.dropout = [layer.p for layer in classifiers[0] if isinstance(layer, nn.Dropout)]

    def masks(self, size: int, draws: torch.Generator) -> list[Tensor | None]:
        """Dropout for a batch of `size`: the (K, size, O) mask of each hidden layer, None where it hides
        nothing.
        """
        hidden = zip(self._biases, self.dropout, strict=False)  # the last layer has none
        return [
            draw_mask(bias.new_empty(len(bias), size, bias.shape[1]), p, draws) if p else None
            for bias, p in hidden
        ]

    def forward(self, x: Tensor, masks: Sequence[Tensor | None]) -> list[Tensor]:
        """What each layer is given, (K, B, I), and last the logits, (K, B, C)."""
        values = [x]
        for i, (weight, bias) in enumerate(zip(self._weights, self._biases, strict=True)):
            x = self._product(x, weight.transpose(1, 2)).add_(bias[:, None])
            if i < len(masks):
                x, hides = x.relu_(), masks[i]
                x = x if hides is None else x.mul_(hides)
            values.append(x)
        return values

    def backward(self, values: Sequence[Tensor], change: Tensor) -> None:
        """Set the gradient.

        Args:
            values: of `forward`; those of hidden layers are overwritten.
            change: (K, B, C) gradient of the logits.
        """
        for i, (weight, bias) in reversed(list(enumerate(self._changes))):
            self._product(change.transpose(1, 2), values[i], out=weight)
            torch.sum(change, 1, out=bias)
            if i:
                # What is above 0 has passed the ReLU and the dropout.
                passed = values[i].sign_().mul_(1 / max(1 - self.dropout[i - 1], 1e-12))
                change = self._product(change, self._weights[i]).mul_(passed)

    def _product(self, a: Tensor, b: Tensor, out: Tensor | None = None) -> Tensor:
        """Batched matrix product, float32."""
        if not self.half:
            return torch.bmm(a, b) if out is None else torch.bmm(a, b, out=out)
        found = torch.bmm(a.bfloat16(), b.bfloat16())
        return found.float() if out is None else out.copy_(found)


def _views(flat: Tensor, shapes: Sequence[torch.Size]) -> tuple[list[Tensor], list[Tensor]]:
    """Weights (K, O, I) and biases (K, O) of each layer in (K, P) parameters."""
    pieces = flat.split([shape.numel() for shape in shapes], 1)
    views = [piece.view(len(flat), *shape) for piece, shape in zip(pieces, shapes, strict=True)]
    return views[::2], views[1::2]


def draw_mask(out: Tensor, p: float, draws: torch.Generator) -> Tensor:
    """Fill with what dropout multiplies by: 0 with probability p, to 1 / 65536, else 1 / (1 - p).

    Each number takes 16 bits of a random word: a third of the time that numbers from [0, 1) take, and a
    tenth of that of PyTorch's own dropout.
    """
    hidden = round(p * 2**16)
    if hidden == 2**16:
        return out.zero_()
    words = torch.empty(-(-out.numel() // 4), dtype=torch.int64, device=out.device)
    bits = words.random_(-(2**63), None, generator=draws).view(torch.int16)[: out.numel()].view(out.shape)
    return torch.ge(bits, hidden - 2**15, out=out).mul_(1 / (1 - p))
