"""Changes of face pictures in training, towards other people's photographs and webcams."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

# The luminance quantisation table of the JPEG standard (ITU-T T.81, table K.1).
_JPEG_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip


def augment(
    x: Tensor, side: int, strength: float, random: torch.Generator, side_light: float = 0.0
) -> Tensor:
    """Reframe, light and degrade pictures at random, in ranges that cover what face detectors and webcams do.

    Args:
        x: (B, 1, 48, 48) float32 in [0, 1].
        side: side of the result in pixels, a multiple of 8.
        strength: 1 for the full ranges, 0 for mirror images only.
        random: what everything is drawn from.
        side_light: share of the pictures that are lit from one side as well; FER2013 has few of them.

    Returns:
        (B, 1, side, side) float32 in [0, 1].
    """
    x = _reframe(x, side, strength, random)
    for change, chance in (
        *(((_light_from_a_side, side_light),) if side_light else ()),
        (_light, 0.7),
        (_lose_detail, 0.12),
        (_blur, 0.08),
        (_jpeg, 0.12),
        (_noise, 0.08),
        (_cut_out, 0.4),
    ):
        chosen = torch.rand(len(x), generator=random) < chance * strength
        if chosen.any():
            x[chosen] = change(x[chosen], random)
    return x.clamp_(0, 1)


def _uniform(n: int, low: float, high: float, random: torch.Generator) -> Tensor:
    return torch.rand(n, generator=random) * (high - low) + low


def _around_zero(n: int, limit: float, random: torch.Generator) -> Tensor:
    """The mean of two uniform draws from -limit to limit: small changes are more frequent than large ones."""
    return (torch.rand(2, n, generator=random).sum(0) - 1) * limit


def _reframe(x: Tensor, side: int, strength: float, random: torch.Generator) -> Tensor:
    """Rotate by up to 15 degrees, zoom by 0.8 to 1.25, stretch by up to 8 %, shift by up to 12 % of the side,
    mirror every other one.
    """
    n = len(x)
    angle = _around_zero(n, strength * math.pi / 12, random)
    zoom = torch.exp(_around_zero(n, strength * math.log(1.25), random))
    stretch = torch.exp(_around_zero(n, strength * 0.08, random))
    mirror = torch.where(torch.rand(n, generator=random) < 0.5, -1.0, 1.0)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0] = mirror * zoom * stretch * torch.cos(angle)
    theta[:, 0, 1] = -zoom * torch.sin(angle)
    theta[:, 1, 0] = mirror * zoom * torch.sin(angle)
    theta[:, 1, 1] = zoom / stretch * torch.cos(angle)
    theta[:, 0, 2] = _around_zero(n, strength * 0.24, random)  # in half sides
    theta[:, 1, 2] = _around_zero(n, strength * 0.24, random)
    grid = functional.affine_grid(theta, [n, 1, side, side], align_corners=False)
    return functional.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _light(x: Tensor, random: torch.Generator) -> Tensor:
    """Change gamma, contrast and brightness; what leaves the range is clipped, as a camera does."""
    shape = (len(x), 1, 1, 1)
    gamma = torch.exp(_uniform(len(x), -0.35, 0.35, random)).view(shape)
    contrast = torch.exp(_uniform(len(x), -0.35, 0.35, random)).view(shape)
    brightness = _uniform(len(x), -0.1, 0.1, random).view(shape)
    return ((x.clamp(1e-3, 1) ** gamma - 0.5) * contrast + 0.5 + brightness).clamp(0, 1)


def _light_from_a_side(x: Tensor, random: torch.Generator) -> Tensor:
    """Brighten one edge and darken the opposite one, by up to 60 % and in any direction."""
    angle = _uniform(len(x), 0, 2 * math.pi, random).view(-1, 1, 1, 1)
    fall = _uniform(len(x), 0.1, 0.6, random).view(-1, 1, 1, 1)
    line = torch.linspace(-1, 1, x.shape[-1])
    slope = torch.cos(angle) * line + torch.sin(angle) * line[:, None]
    return (x * (1 + fall * slope)).clamp(0, 1)


def _lose_detail(x: Tensor, random: torch.Generator) -> Tensor:
    """Shrink to between 16 pixels and the full side and enlarge again: a small face in the picture."""
    side = x.shape[-1]
    small = int(torch.randint(16, side - 3, (1,), generator=random))
    shrunk = functional.interpolate(x, size=(small, small), mode="area")
    return functional.interpolate(shrunk, size=(side, side), mode="bilinear", align_corners=False)


def _blur(x: Tensor, random: torch.Generator) -> Tensor:
    """Gaussian blur with a deviation of 0.5 to 1.2 pixels."""
    sigma = float(_uniform(1, 0.5, 1.2, random))
    line = torch.exp(-(torch.arange(-3.0, 4.0) ** 2) / (2 * sigma**2))
    kernel = torch.outer(line, line)
    padded = functional.pad(x, (3, 3, 3, 3), mode="replicate")
    return functional.conv2d(padded, (kernel / kernel.sum()).view(1, 1, 7, 7))


def _noise(x: Tensor, random: torch.Generator) -> Tensor:
    """Sensor noise with a deviation of up to 0.05."""
    return x + torch.randn(x.shape, generator=random) * _uniform(len(x), 0, 0.05, random).view(-1, 1, 1, 1)


def _jpeg(x: Tensor, random: torch.Generator) -> Tensor:
    """Code and decode as JPEG at quality 15 to 70: blocks of 8 x 8 pixels, cosine transform, rounding."""
    k, n = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    cosine = torch.cos(math.pi * (2 * n + 1) * k / 16) * torch.where(
        k == 0, math.sqrt(1 / 8), math.sqrt(2 / 8)
    )
    quality = _uniform(len(x), 15, 70, random)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50)
    step = (torch.tensor(_JPEG_LUMINANCE) * scale.view(-1, 1, 1)).clamp(min=1).view(-1, 1, 1, 8, 8) / 255
    count = x.shape[-1] // 8
    blocks = (x - 0.5).view(-1, count, 8, count, 8).transpose(2, 3)
    coefficients = cosine @ blocks @ cosine.T
    restored = cosine.T @ ((coefficients / step).round() * step) @ cosine
    return (restored.transpose(2, 3).reshape(x.shape) + 0.5).clamp(0, 1)


def _cut_out(x: Tensor, random: torch.Generator) -> Tensor:
    """Paint a rectangle with the picture's mean grey: hands, hair, glasses (DeVries and Taylor 2017)."""
    side, n = x.shape[-1], len(x)
    height, width = (_uniform(n, 0.15, 0.4, random) * side for _ in range(2))
    top, left = (_uniform(n, -0.1, 0.85, random) * side for _ in range(2))
    line = torch.arange(side)
    rows = (line >= top[:, None]) & (line < (top + height)[:, None])
    columns = (line >= left[:, None]) & (line < (left + width)[:, None])
    hidden = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(hidden, x.mean((1, 2, 3), keepdim=True), x)
