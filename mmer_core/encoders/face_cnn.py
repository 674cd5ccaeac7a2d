"""This project's expression networks over the main face: the face encoder of the default model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError

from mmer_core.checkpoint import sha256_of
from mmer_core.clip import Absent, Clip
from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.face_ensemble import FaceEnsemble, embed_pictures, load_network
from mmer_core.encoders.backends.face_graphs import FaceGraphs
from mmer_core.encoders.backends.face_network import SIDE
from mmer_core.encoders.base import EncoderSpec, EncoderUnavailable
from mmer_core.encoders.device import Device, resolve
from mmer_core.labels import Modality

FACE_WEIGHTS = DEFAULT_CHECKPOINT / "face.safetensors"


def grey_faces(crops: np.ndarray) -> np.ndarray:
    """Crops (F, S, S, 3) uint8 RGB as the face network's pictures, (F, 48, 48) uint8 grey."""
    return np.stack(
        [
            cv2.resize(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
            for crop in crops
        ]
    )


@ENCODERS.register(
    "face_cnn",
    modality=Modality.VISUAL,
    description="expression networks of this project, a row per frame with a face",
    order=10,
    seconds_per_clip=0.7,
)
class FaceCnnEncoder:
    """This project's face networks, trained on FER2013 and FER+: their embeddings side by side, for each
    frame in which the face was found. On the processor ONNX Runtime computes them, on an accelerator torch.

    A linear classifier for these features lies in the same file, as `head.weight` (7, D) and `head.bias`
    (7,).

    Args:
        weights: a safetensors file of `save_network`; the shipped one by default.

    Attributes:
        spec: its record; the revision is the sha256 of the weights.
        device: the networks'.

    Raises:
        EncoderUnavailable: the file is missing or does not hold these weights.
    """

    def __init__(self, weights: Path | None = None, *, device: Device = "cpu") -> None:
        path = FACE_WEIGHTS if weights is None else Path(weights)
        self.device, network = resolve(device), _read(path)
        self._embed = (
            FaceGraphs(network).embed if self.device.type == "cpu" else _in_torch(network, self.device)
        )
        self.spec = EncoderSpec(
            name="face_cnn",
            modality=Modality.VISUAL,
            dim=network.dim,
            source="this project",
            revision=sha256_of(path),
            licence="research, non-commercial (trained on FER2013, labels and votes)",
            preprocessing="main face, upright and framed as in FER2013, 48 x 48 grey, standardised per "
            "picture, mean with its mirror image",
            needs_faces=True,
            timing="faces",
        )

    def encode(self, clip: Clip) -> np.ndarray:
        """(F, D) float32, one row for each frame in which the face was found.

        Raises:
            Absent: the clip has no face.
        """
        if clip.faces is None or len(clip.faces) == 0:
            raise Absent(clip.absent.get(Modality.VISUAL) or _no_face(clip))
        return self._embed(grey_faces(clip.faces.crops))


def _in_torch(network: FaceEnsemble, device: torch.device) -> Callable[[np.ndarray], np.ndarray]:
    """Computes `embed_pictures` on a device."""
    network = network.to(device)
    return lambda pictures: embed_pictures(network, pictures).cpu().numpy()


def _no_face(clip: Clip) -> str:
    seen = 0 if clip.frames is None else len(clip.frames)
    return f"no face in {seen} of {seen} frames" if seen else "the clip has no picture"


def _read(path: Path) -> FaceEnsemble:
    if not path.is_file():
        raise EncoderUnavailable(f"{path} is missing: copy the whole checkpoint folder again")
    try:
        return load_network(path)
    except (ValueError, SafetensorError) as error:
        raise EncoderUnavailable(
            f"{path} cannot be read as the face network's weights ({error}): copy the whole "
            "checkpoint folder again"
        ) from error
