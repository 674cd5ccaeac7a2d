"""Several face networks as one, and their file."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mmer_core.encoders.backends.face_convolution import PretrainedFaceClassifier
from mmer_core.encoders.backends.face_mobile import FaceMobileNet
from mmer_core.encoders.backends.face_network import FaceClassifier, FaceNetwork, as_input
from mmer_core.encoders.backends.face_resnet import FaceResNet
from mmer_core.json_files import parse_json
from mmer_core.labels import EMOTIONS

#: Face networks by the name that trainings and files use.
NETWORKS: dict[str, type[FaceNetwork | FaceMobileNet | FaceResNet]] = {
    "residual": FaceNetwork,
    "mobile": FaceMobileNet,
    "resnet": FaceResNet,
}
_EXPERT = "expert."  # prefix of the tensors of a `fusion.heads.frames.FrameLinear`
_HEADER = "networks"  # in the file: the names of the members, as JSON


class FaceEnsemble(nn.Module):
    """Face networks side by side. Their embeddings lie in a row, so that the logits, the mean of theirs, are
    linear in it as well.

    Args:
        members: trained networks, at least one.
        temperatures: one for each, by which its logits are divided before the mean is taken, so that members
            that are too sure weigh less; 1 by default.

    Attributes:
        dim: D, the sum of the members' widths.
        head: the linear classifier; logits = head(embedding). Rows in the order of `labels.EMOTIONS`.
    """

    def __init__(
        self, members: Sequence[FaceClassifier], temperatures: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        scales = [1.0 / (t * len(members)) for t in temperatures or [1.0] * len(members)]
        self.members = nn.ModuleList(members)
        self.dim = sum(member.dim for member in members)
        self.head = nn.Linear(self.dim, len(EMOTIONS))
        with torch.no_grad():
            self.head.weight.copy_(
                torch.cat(
                    [scale * member.head.weight for scale, member in zip(scales, members, strict=True)], dim=1
                )
            )
            self.head.bias.copy_(
                torch.stack(
                    [scale * member.head.bias for scale, member in zip(scales, members, strict=True)]
                ).sum(0)
            )

    def embed(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to (B, D) float32, not negative."""
        return torch.cat([member.embed(x) for member in self.networks()], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 48, 48) float32 in [0, 1] to logits (B, 7) in the order of `labels.EMOTIONS`."""
        logits: Tensor = self.head(self.embed(x))
        return logits

    def networks(self) -> Sequence[FaceClassifier]:
        """The members in their order."""
        return [member for member in self.members if isinstance(member, FaceClassifier)]


def embed_flipped(network: FaceClassifier | FaceEnsemble, x: Tensor) -> Tensor:
    """The mean embedding of each picture and its mirror image: (B, 1, 48, 48) to (B, D).

    The head is linear, so its logits on this embedding are the mean logits of both (test-time flip).
    """
    both = network.embed(torch.cat([x, x.flip(3)]))
    return both.view(2, len(x), -1).mean(0)


@torch.inference_mode()
def embed_pictures(network: FaceClassifier | FaceEnsemble, images: np.ndarray, batch: int = 16) -> Tensor:
    """`embed_flipped` of uint8 pictures (N, 48, 48), `batch` at a time: (N, D) float32 on the device of
    the network.

    16 pictures with their mirror images fit the caches of a processor: 4 at a time take half as long again
        for a picture, 128 twice as long.
    """
    device = network.head.weight.device
    parts = as_input(images).split(batch)
    return torch.cat([embed_flipped(network, x.to(device, memory_format=torch.channels_last)) for x in parts])


def save_network(network: FaceEnsemble, path: Path) -> None:
    """Write the weights, matrices and kernels in half precision (5 to 7 MB a member), with the kinds of the
    members in the file's header.

    The head lies there under `head.weight` (7, D) and `head.bias` (7,), and again as the linear expert that a
    product of experts reads.
    """
    kinds = [
        next(name for name, kind in NETWORKS.items() if isinstance(member, kind))
        for member in network.networks()
    ]
    network = copy.deepcopy(network)
    for member in network.networks():
        if isinstance(member, PretrainedFaceClassifier):
            member.even_out()
    halves = {
        k: v.half() if v.is_floating_point() and v.ndim > 1 else v for k, v in network.state_dict().items()
    }
    expert = {f"{_EXPERT}linear.{k}": halves[f"head.{k}"].clone() for k in ("weight", "bias")}
    save_file({k: v.contiguous() for k, v in (halves | expert).items()}, path, {_HEADER: json.dumps(kinds)})


def load_network(path: Path) -> FaceEnsemble:
    """The networks in float32, ready to use (evaluation mode, channels last).

    Raises:
        ValueError: the file does not hold such networks' weights.
    """
    with safe_open(path, framework="pt") as file:
        kinds = parse_json((file.metadata() or {}).get(_HEADER, "[]"))
    if not kinds or not set(kinds) <= set(NETWORKS):
        raise ValueError("it holds no face network of this project")
    weights = {
        k: v.float() if v.is_floating_point() else v
        for k, v in load_file(path).items()
        if not k.startswith(_EXPERT)
    }
    network = FaceEnsemble([NETWORKS[kind]() for kind in kinds])
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError("its tensors are not those of this project's face networks") from error
    return network.eval().to(memory_format=torch.channels_last)
