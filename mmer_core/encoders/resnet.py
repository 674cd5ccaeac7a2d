"""ResNet-50 (He et al. 2016) over face crops or frames: the picture of system S0."""

from __future__ import annotations

import numpy as np
from safetensors.torch import load_file
from torch import nn

from mmer_core.clip import Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.pictures import Look, embed, pictures_of
from mmer_core.encoders.spec import EncoderSpec, EncoderUnavailable
from mmer_core.encoders.weights import HubFile, random_revision, random_weights
from mmer_core.labels import Modality

RESNET_WEIGHTS = HubFile(
    "timm/resnet50.a1_in1k",
    "767268603ca0cb0bfe326fa87277f19c419566ef",
    "model.safetensors",
    "773525d5821de224f8f30c33377b7a795d7863e08522698200d3217d3f2a41bb",
    102_469_840,
)
SIDE = 224  # pixels
MEAN, SD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet


@ENCODERS.register("resnet50")
class ResNetEncoder:
    """ResNet-50 trained on ImageNet (timm's a1 recipe, Wightman et al. 2021), frozen: 2048-d, mean over the picture, for each frame.

    Args:
        look: at the main face, or at whole frames.
        random_init: seed of a small network with random weights, for tests and for trying a pipeline out.

    Raises:
        EncoderUnavailable: the weights cannot be had; the message says how.
    """

    needs = (RESNET_WEIGHTS,)

    def __init__(self, *, look: Look = "face", random_init: int | None = None) -> None:
        self.look = look
        seen = "whole frames" if look == "frames" else "main face"
        self.network = resnet50() if random_init is None else small_resnet(random_init)
        self.spec = EncoderSpec(
            name="resnet50",
            modality=Modality.VISUAL,
            dim=int(self.network.num_features),  # type: ignore[arg-type]
            source=RESNET_WEIGHTS.repository if random_init is None else "this project",
            revision=f"{RESNET_WEIGHTS.revision} {RESNET_WEIGHTS.sha256}" if random_init is None else random_revision(random_init),
            licence="Apache-2.0; trained on ImageNet, whose pictures are for research",
            preprocessing=f"{seen}, shorter side bicubic to {SIDE}, middle square, ImageNet's mean and deviation",
            needs_faces=look == "face",
        )

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, D) float32, one row per frame in which the face was found, or per frame.

        Raises:
            Absent: there is no picture, or no face.
        """
        return embed(self.network, pictures_of(clip, self.look), side=SIDE, mean=MEAN, sd=SD)


def resnet50() -> nn.Module:
    """The published network without its classifier, float32."""
    import timm

    weights = load_file(RESNET_WEIGHTS.locate())
    network: nn.Module = timm.create_model("resnet50", pretrained=False, num_classes=0)
    try:
        network.load_state_dict({name: tensor for name, tensor in weights.items() if not name.startswith("fc.")})
    except RuntimeError as error:
        raise EncoderUnavailable(f"the weights of {RESNET_WEIGHTS.repository} do not fit its network: {RESNET_WEIGHTS.how_to_get}") from error
    return network.eval().requires_grad_(False)


def small_resnet(seed: int) -> nn.Module:
    """A narrow residual network of the same kind with random weights."""
    from timm.models.resnet import BasicBlock, ResNet

    with random_weights(seed):
        network: nn.Module = ResNet(BasicBlock, (1, 1, 1, 1), channels=(8, 16, 16, 32), num_classes=0)  # type: ignore[arg-type]
    return network.eval().requires_grad_(False)
