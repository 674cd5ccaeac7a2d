"""CLIP ViT-B/32 (Radford et al. 2021) over the frames of a clip."""

from __future__ import annotations

from torch import nn

from mmer_core.encoders import ENCODERS
from mmer_core.encoders.device import Device
from mmer_core.encoders.pictures import SIDE, Look, PictureEncoder
from mmer_core.encoders.weights import HubFile
from mmer_core.labels import Modality

CLIP_WEIGHTS = HubFile(
    "timm/vit_base_patch32_clip_224.openai",
    "a6f597a30f7b82c51704746581f9a4e41421e878",
    "open_clip_model.safetensors",
    "e6d1bd7789aa45192b3bf90570a789b478bae1b74ebcce7eddd908e83a2b7c31",
    605_143_284,
)
WIDTH = 512
_TOWER = {"layers": 12, "width": 768, "patch_size": 32, "image_size": SIDE}
_TINY = {"layers": 1, "width": 64, "patch_size": 56, "image_size": SIDE}
_PREFIX = "visual."  # of the picture tower's tensors; the others are the text tower's


@ENCODERS.register(
    "clip",
    modality=Modality.VISUAL,
    description="CLIP ViT-B/32, a row per frame",
    order=30,
)
class ClipFramesEncoder(PictureEncoder):
    """CLIP's picture tower, frozen: 512-d for each frame at 224 x 224.

    Raises:
        EncoderUnavailable: the weights cannot be had; the message says how.
    """

    weights = CLIP_WEIGHTS
    needs = (CLIP_WEIGHTS,)
    source = f"open_clip ViT-B-32, {CLIP_WEIGHTS.repository}"
    mean, deviation = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

    def __init__(
        self, *, look: Look = "frames", random_init: int | None = None, device: Device = "cpu"
    ) -> None:
        super().__init__(self.load(random_init), look, device)
        self.spec = self.record(
            "clip", WIDTH, self.provenance(random_init), "MIT", "CLIP's mean and deviation"
        )

    @staticmethod
    def build(tiny: bool) -> nn.Module:
        """The picture tower; see `PretrainedEncoder.build`."""
        from open_clip.model import CLIPVisionCfg, _build_vision_tower

        # OpenAI's weights were trained with the quick approximation of GELU
        sizes = CLIPVisionCfg(**(_TINY if tiny else _TOWER))
        tower: nn.Module = _build_vision_tower(WIDTH, sizes, quick_gelu=True)
        return tower

    @staticmethod
    def tensor_name(published: str) -> str | None:
        """The picture tower's tensors; the text tower is not read."""
        return published.removeprefix(_PREFIX) if published.startswith(_PREFIX) else None
