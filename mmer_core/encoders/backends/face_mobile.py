"""A face network with a pretrained backbone: a MobileNet whose first weights were learned from millions of
faces.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from mmer_core.encoders.backends.face_convolution import Convolution, PretrainedFaceClassifier
from mmer_core.labels import EMOTIONS

STEM = 32
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *[(512, 1)] * 5,
    (1024, 2),
    (1024, 1),
)  # channels and stride


class _Clipped(Convolution):
    """A convolution with ReLU6 after its normalisation."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) to (B, D', H / stride, W / stride), in [0, 6]."""
        return functional.relu6(super().forward(x))


class FaceMobileNet(PretrainedFaceClassifier):
    """MobileNet (Howard et al. 2017) on the face enlarged to 96 pixels, grey: 3.2 M parameters, 0.1 G
    multiply-adds a face.

    Attributes:
        layers: the 27 convolutions in their order: the first, then a depthwise and a pointwise one for each
            of `BLOCKS`.
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dim = BLOCKS[-1][0]
        layers = [_Clipped(1, STEM, 3, 2)]
        inputs = STEM
        for width, stride in BLOCKS:
            layers += [_Clipped(inputs, inputs, 3, stride, groups=inputs), _Clipped(inputs, width, 1)]
            inputs = width
        self.layers = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.dim, len(EMOTIONS))

    def maps(self, x: Tensor) -> Tensor:
        """(B, 1, 96, 96) float32 to (B, D, 3, 3), in [0, 6]."""
        y: Tensor = self.layers(x)
        return y
