"""K networks of one shape as one: their weights stacked, their products batched, their gradients written out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmer_core.training.config import TrainingConfig

LOW_PRECISION_FROM = 2**22  # multiplications of a layer in one batch from which bfloat16 products pay for their conversions


class StackedLayers:
    """The linear layers, ReLU and dropout of K equal networks. Their parameters become views of the stacked ones, so the networks train too.

    Args:
        classifiers: K times the same sequence of `nn.Linear`, `nn.ReLU` and `nn.Dropout`.
        config: precision and batch size.
    """

    def __init__(self, classifiers: Sequence[nn.Sequential], config: TrainingConfig) -> None:
        first = list(classifiers[0])
        places = [i for i, module in enumerate(first) if isinstance(module, nn.Linear)]
        self.layers = []
        for place in places:
            dropout = next((m.p for m in first[place + 1 : place + 3] if isinstance(m, nn.Dropout)), 0.0)
            linears = [classifier[place] for classifier in classifiers]
            self.layers.append(_StackedLayer(linears, dropout, config, hidden=place != places[-1]))  # type: ignore[arg-type]

    @property
    def input_kind(self) -> torch.dtype:
        """The number format that inputs are best kept in."""
        return self.layers[0].kind

    def forward(self, x: Tensor, which: slice, draws: torch.Generator | None = None) -> Tensor:
        """Logits (S, B, C) float32 of the networks `which`, S of them, for inputs (S, B, W); with a generator, dropout is on."""
        for layer in self.layers:
            x = layer.forward(x, which, draws)
        return x

    def backward(self, gradient: Tensor, which: slice) -> None:
        """Set the gradients of weights and biases from that by the logits of the last `forward`."""
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient, which, first=layer is self.layers[0])

    def updated(self, which: slice) -> None:
        """The optimizer has changed the weights."""
        for layer in self.layers:
            layer.updated(which)


class _StackedLayer:
    """One linear layer of K networks, its ReLU and its dropout."""

    def __init__(self, linears: Sequence[nn.Linear], dropout: float, config: TrainingConfig, *, hidden: bool) -> None:
        self.hidden, self.dropout = hidden, dropout
        self.weight = torch.stack([linear.weight.detach() for linear in linears])  # (K, out, in)
        self.bias = torch.stack([linear.bias.detach() for linear in linears])[:, None]  # (K, 1, out)
        self.weight_gradient, self.bias_gradient = torch.zeros_like(self.weight), torch.zeros_like(self.bias)
        for k, linear in enumerate(linears):
            linear.weight.data, linear.bias.data = self.weight[k], self.bias[k, 0]
            linear.weight.grad, linear.bias.grad = self.weight_gradient[k], self.bias_gradient[k, 0]
        self.low = config.precision == "bfloat16" and linears[0].weight.numel() * config.batch_size >= LOW_PRECISION_FROM
        self.kind = torch.bfloat16 if self.low else torch.float32
        # Without low precision these are the weights, biases and gradients themselves.
        self.weight_product, self.bias_product, self.product_gradient = (t.to(self.kind) for t in (self.weight, self.bias, self.weight_gradient))

    def forward(self, x: Tensor, which: slice, draws: torch.Generator | None) -> Tensor:
        self.x = x.to(self.kind)
        z = torch.baddbmm(self.bias_product[which], self.x, self.weight_product[which].mT)
        if not self.hidden:
            return z.float()
        self.out = z.relu_()
        if draws is not None and self.dropout:
            self.out = z * (torch.rand(z.shape, generator=draws) >= self.dropout) / (1 - self.dropout)
        return self.out

    def backward(self, gradient: Tensor, which: slice, *, first: bool) -> Tensor:
        if self.hidden:
            gradient = gradient * (self.out > 0)  # where the output is 0, ReLU or dropout let nothing through
            gradient = gradient.div_(1 - self.dropout) if self.dropout else gradient
        low = gradient.to(self.kind)
        torch.bmm(low.mT, self.x, out=self.product_gradient[which])
        if self.low:
            self.weight_gradient[which].copy_(self.product_gradient[which])
        torch.sum(gradient, 1, keepdim=True, out=self.bias_gradient[which])
        return gradient if first else torch.bmm(low, self.weight_product[which]).float()

    def updated(self, which: slice) -> None:
        if self.low:
            self.weight_product[which].copy_(self.weight[which])
            self.bias_product[which].copy_(self.bias[which])


def loss_targets(y: Tensor, classes: int, weight: Tensor | None, label_smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
    """What makes the gradient of `F.cross_entropy` by the logits one line: (s · softmax - t) / sum of w over the batch.

    Returns:
        s (N, 1), t (N, C) and w (N, 1), float32.
    """
    by_class = torch.ones(classes) if weight is None else weight
    w = by_class[y][:, None]
    spread = label_smoothing / classes
    return (1 - label_smoothing) * w + spread * by_class.sum(), (1 - label_smoothing) * w * F.one_hot(y, classes) + spread * by_class, w
