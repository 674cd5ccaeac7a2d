"""CLIP ViT-B/32 (Radford et al. 2021) over the frames of a clip: the picture of system S4."""

from __future__ import annotations

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

from mmer_core.clip import Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.pictures import Look, embed, pictures_of
from mmer_core.encoders.spec import EncoderSpec, EncoderUnavailable
from mmer_core.encoders.weights import HubFile, random_revision, random_weights
from mmer_core.labels import Modality

CLIP_WEIGHTS = HubFile(
    "timm/vit_base_patch32_clip_224.openai",
    "a6f597a30f7b82c51704746581f9a4e41421e878",
    "open_clip_model.safetensors",
    "e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31",
    605_143_284,
)
SIDE = 224  # pixels
WIDTH = 512
MEAN, SD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
_TOWER = {"layers": 12, "width": 768, "patch_size": 32, "image_size": SIDE}
_TINY = {"layers": 1, "width": 64, "patch_size": 56, "image_size": SIDE}
_PREFIX = "visual."  # of the picture tower's tensors; the others are the text tower's


@ENCODERS.register("clip")
class ClipFramesEncoder:
    """CLIP's picture tower, frozen: 512-d for each frame at 224 x 224.

    Args:
        look: at whole frames (system S4), or at the main face.
        random_init: seed of a tiny network with random weights, for tests and for trying a pipeline out.

    Raises:
        EncoderUnavailable: the weights cannot be had; the message says how.
    """

    needs = (CLIP_WEIGHTS,)

    def __init__(self, *, look: Look = "frames", random_init: int | None = None) -> None:
        self.look = look
        seen = "whole frames" if look == "frames" else "main face"
        self.network = picture_tower() if random_init is None else tiny_tower(random_init)
        self.spec = EncoderSpec(
            name="clip",
            modality=Modality.VISUAL,
            dim=WIDTH,
            source=f"open_clip ViT-B-32, {CLIP_WEIGHTS.repository}" if random_init is None else "this project",
            revision=f"{CLIP_WEIGHTS.revision} {CLIP_WEIGHTS.sha256}" if random_init is None else random_revision(random_init),
            licence="MIT",
            preprocessing=f"{seen}, shorter side bicubic to {SIDE}, middle square, CLIP's mean and deviation",
            needs_faces=look == "face",
        )

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 512) float32, one row per frame, or per frame in which the face was found.

        Raises:
            Absent: there is no picture, or no face.
        """
        return embed(self.network, pictures_of(clip, self.look), side=SIDE, mean=MEAN, sd=SD)


def _build(sizes: dict[str, int]) -> nn.Module:
    from open_clip.model import CLIPVisionCfg, _build_vision_tower

    # OpenAI's weights were trained with the quick approximation of GELU
    tower: nn.Module = _build_vision_tower(WIDTH, CLIPVisionCfg(**sizes), quick_gelu=True)
    return tower.eval().requires_grad_(False)


def picture_tower() -> nn.Module:
    """The published tower, float32; the text tower is not even read."""
    with safe_open(CLIP_WEIGHTS.locate(), "pt") as file:
        weights = {name.removeprefix(_PREFIX): file.get_tensor(name) for name in file.keys() if name.startswith(_PREFIX)}  # noqa: SIM118 - not a dict
    with torch.device("meta"):
        tower = _build(_TOWER)
    try:
        tower.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise EncoderUnavailable(f"the weights of {CLIP_WEIGHTS.repository} do not fit its network: {CLIP_WEIGHTS.how_to_get}") from error
    return tower.float().eval().requires_grad_(False)


def tiny_tower(seed: int) -> nn.Module:
    """A small tower with random weights and CLIP's output width."""
    with random_weights(seed):
        return _build(_TINY)
