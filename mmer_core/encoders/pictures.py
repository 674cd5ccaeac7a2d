"""What the encoders of pictures share: which pictures of a clip to look at, and bringing them to a network's size and range."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.clip import Absent, Clip
from mmer_core.labels import Modality

NO_PICTURE = "the clip has no picture"
NO_FACE = "no face was found"
AT_ONCE = 8  # pictures in one step; bounds memory

#: Whole frames, or the crops of the main face.
Look = Literal["frames", "face"]


def pictures_of(clip: Clip, look: Look) -> np.ndarray:
    """(T, H, W, 3) uint8 RGB: the clip's frames, or the crops of its main face in the frames where it was found.

    Raises:
        Absent: there is no picture, or no face.
    """
    if look == "face":
        if clip.faces is None or not len(clip.faces):
            raise Absent(clip.absent.get(Modality.VISUAL, NO_PICTURE if clip.frames is None else NO_FACE))
        return clip.faces.crops
    if clip.frames is None or not len(clip.frames):
        raise Absent(clip.absent.get(Modality.VISUAL, NO_PICTURE))
    return clip.frames


def embed(network: nn.Module, pictures: np.ndarray, *, side: int, mean: tuple[float, ...], sd: tuple[float, ...]) -> np.ndarray:
    """(T, D) float32: what a network makes of each picture, some at a time; the arguments are those of `as_squares`."""
    with torch.inference_mode():
        parts = [network(as_squares(pictures[i : i + AT_ONCE], side, mean, sd)) for i in range(0, len(pictures), AT_ONCE)]
    return torch.cat(parts).float().numpy()


def as_squares(pictures: np.ndarray, side: int, mean: tuple[float, ...], sd: tuple[float, ...]) -> Tensor:
    """Pictures as a network's input: the shorter side scaled to `side` (bicubic, against aliasing), the middle square, standardised.

    Args:
        pictures: (B, H, W, 3) uint8 RGB.
        side: pixels.
        mean: of each channel, in [0, 1].
        sd: of each channel.

    Returns:
        (B, 3, side, side) float32.
    """
    x = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()
    height, width = x.shape[2:]
    scale = side / min(height, width)
    size = (max(side, round(height * scale)), max(side, round(width * scale)))
    if size != (height, width):
        x = functional.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False).clamp(0, 255).round()
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    x = x[:, :, top : top + side, left : left + side] / 255
    return (x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(sd).view(1, 3, 1, 1)
