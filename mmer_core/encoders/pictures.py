"""Pretrained networks over the pictures of a clip: whole frames, or the crops of the main face."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mmer_core.clip import Absent, Clip
from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.device import Device
from mmer_core.encoders.pretrained import PretrainedEncoder
from mmer_core.labels import Modality

NO_PICTURE = "the clip has no picture"
NO_FACE = "no face was found"
AT_ONCE = 8  # pictures in one step; bounds memory
SIDE = 224  # pixels, the input of ImageNet's networks and of CLIP

#: Whole frames, or the crops of the main face.
Look = Literal["frames", "face"]


class PictureEncoder(PretrainedEncoder):
    """A pretrained network that gives a vector for each picture. A subclass names the colours it was trained
    with.

    Args:
        look: at whole frames, or at the main face.
    """

    mean: ClassVar[tuple[float, float, float]]  # of each channel, in [0, 1]
    deviation: ClassVar[tuple[float, float, float]]

    def __init__(self, network: nn.Module, look: Look, device: Device) -> None:
        super().__init__(network, device)
        self.look = look

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, D) float32, one row per frame, or per frame in which the face was found.

        Raises:
            Absent: there is no picture, or no face.
        """
        pictures = torch.from_numpy(np.ascontiguousarray(pictures_of(clip, self.look)))
        squares = [as_squares(part, SIDE, self.mean, self.deviation) for part in pictures.split(AT_ONCE)]
        return self.compute(self.network, torch.cat(squares), size=AT_ONCE)

    def record(
        self, name: str, dim: int, provenance: tuple[str, str], licence: str, colours: str
    ) -> EncoderSpec:
        """The spec, with the preprocessing that all picture encoders share."""
        source, revision = provenance
        seen = "whole frames" if self.look == "frames" else "main face"
        return EncoderSpec(
            name=name,
            modality=Modality.VISUAL,
            dim=dim,
            source=source,
            revision=revision,
            licence=licence,
            preprocessing=f"{seen}, shorter side bicubic to {SIDE}, middle square, {colours}",
            needs_faces=self.look == "face",
            timing="faces" if self.look == "face" else "frames",
        )


def pictures_of(clip: Clip, look: Look) -> np.ndarray:
    """(T, H, W, 3) uint8 RGB: the clip's frames, or the crops of its main face in the frames where it was
    found.

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


def as_squares(pictures: Tensor, side: int, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    """Pictures as a network's input: the shorter side scaled to `side` (bicubic, against aliasing), the
    middle square, standardised.

    Args:
        pictures: (B, H, W, 3) uint8 RGB.
        side: pixels.
        mean: of each channel, in [0, 1].
        deviation: of each channel.

    Returns:
        (B, 3, side, side) float32.
    """
    x = pictures.permute(0, 3, 1, 2).float()
    height, width = x.shape[2:]
    scale = side / min(height, width)
    size = (max(side, round(height * scale)), max(side, round(width * scale)))
    if size != (height, width):
        x = functional.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False)
        x = x.clamp(0, 255).round()
    top, left = (size[0] - side) // 2, (size[1] - side) // 2
    x = x[:, :, top : top + side, left : left + side] / 255
    return (x - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(deviation).view(1, 3, 1, 1)
