"""A face network with a pretrained backbone: the residual network by which dlib tells people apart."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from mmer_core.encoders.backends.face_convolution import Convolution, PretrainedFaceClassifier
from mmer_core.labels import EMOTIONS

WIDTHS = (32, 64, 128, 256)  # channels at 24, 12, 6 and 3 pixels
DEPTHS = (3, 4, 3, 3)  # blocks at each of them


class Block(nn.Module):
    """Two convolutions beside a shortcut that has no weights: it is averaged where the sides are halved, and
    new channels are zeros in it.
    """

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.stride, self.more = stride, width - inputs
        self.first = Convolution(inputs, width, 3, stride)
        self.second = Convolution(width, width, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) to (B, D', H / stride, W / stride), rounded up; not negative."""
        y = self.second(functional.relu(self.first(x)))
        if self.stride > 1:
            x = functional.avg_pool2d(x, self.stride, ceil_mode=True)
        return functional.relu(y + functional.pad(x, (0, 0, 0, 0, 0, self.more)))


class FaceResNet(PretrainedFaceClassifier):
    """dlib's face network (King 2017, a ResNet of half the width) on the face enlarged to 96 pixels: 4.4 M
    parameters, 0.15 G multiply-adds a face.

    Its last block, which serves to tell people apart, is left out.

    Attributes:
        stem: the first convolution.
        blocks: those of `WIDTHS` and `DEPTHS`.
    """

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.dim = WIDTHS[-1]
        self.stem = Convolution(1, WIDTHS[0], 7, 2)
        inputs, blocks = WIDTHS[0], []
        for width, depth in zip(WIDTHS, DEPTHS, strict=True):
            for i in range(depth):
                blocks.append(Block(inputs, width, 2 if width > WIDTHS[0] and i == 0 else 1))
                inputs = width
        self.blocks = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.dim, len(EMOTIONS))

    def maps(self, x: Tensor) -> Tensor:
        """(B, 1, 96, 96) float32 to (B, D, 3, 3), not negative."""
        x = functional.relu(self.stem(x))
        # padded as the convolutions are
        y: Tensor = self.blocks(functional.max_pool2d(functional.pad(x, (0, 1, 0, 1)), 3, 2))
        return y
