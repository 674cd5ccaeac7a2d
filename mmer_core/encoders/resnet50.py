"""ResNet-50 (He et al. 2016) over face crops or frames."""

from __future__ import annotations

from torch import nn

from mmer_core.encoders import ENCODERS
from mmer_core.encoders.device import Device
from mmer_core.encoders.pictures import Look, PictureEncoder
from mmer_core.encoders.weights import HubFile
from mmer_core.labels import Modality

RESNET_WEIGHTS = HubFile(
    "timm/resnet50.a1_in1k",
    "767268603ca0cb0bfe326fa87277f19c419566ef",
    "model.safetensors",
    "773525d5821de224f8f30c33377b7a795d7863e08522698200d3217d3f2a41bb",
    102_469_840,
)


@ENCODERS.register(
    "resnet50",
    modality=Modality.VISUAL,
    description="ResNet-50, a row per frame or face",
    order=40,
)
class ResNetEncoder(PictureEncoder):
    """ResNet-50 trained on ImageNet (timm's a1 recipe, Wightman et al. 2021), frozen: 2048-d, mean over the
    picture, for each frame.

    Raises:
        EncoderUnavailable: the weights cannot be had; the message says how.
    """

    weights = RESNET_WEIGHTS
    needs = (RESNET_WEIGHTS,)
    source = RESNET_WEIGHTS.repository
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet

    def __init__(
        self, *, look: Look = "face", random_init: int | None = None, device: Device = "cpu"
    ) -> None:
        network = self.load(random_init)
        super().__init__(network, look, device)
        self.spec = self.record(
            "resnet50",
            int(network.num_features),
            self.provenance(random_init),
            "Apache-2.0; trained on ImageNet, whose pictures are for research",
            "ImageNet's mean and deviation",
        )

    @staticmethod
    def build(tiny: bool) -> nn.Module:
        """The network without its classifier; see `PretrainedEncoder.build`."""
        import timm
        from timm.models.resnet import BasicBlock, ResNet

        if tiny:
            return ResNet(BasicBlock, (1, 1, 1, 1), channels=(8, 16, 16, 32), num_classes=0)  # type: ignore[arg-type]
        network: nn.Module = timm.create_model("resnet50", pretrained=False, num_classes=0)
        return network

    @staticmethod
    def tensor_name(published: str) -> str | None:
        """Every tensor but the classifier's."""
        return None if published.startswith("fc.") else published
