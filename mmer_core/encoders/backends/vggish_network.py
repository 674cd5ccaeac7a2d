"""VGGish's network (Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017).

Written out because no library of the requirements carries it.
"""

from __future__ import annotations

from torch import Tensor, nn

BANDS, PATCH = 64, 96  # mel bands and frames of one input
WIDTH = 128


class VggishNetwork(nn.Module):
    """Six convolutions and three linear maps; parameters carry the names of the published PyTorch port.

    Args:
        channels: of the six convolutions.
        hidden: width of the first two linear maps.
    """

    def __init__(
        self,
        channels: tuple[int, int, int, int, int, int] = (64, 128, 256, 256, 512, 512),
        hidden: int = 4096,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 1
        for i, width in enumerate(channels):
            layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU()]
            if i in (0, 1, 3, 5):
                layers.append(nn.MaxPool2d(2))
            inputs = width
        self.features = nn.Sequential(*layers)
        flat = inputs * (PATCH // 16) * (BANDS // 16)
        self.embeddings = nn.Sequential(
            nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, WIDTH)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 96, 64) log-mel spectrograms to (B, 128), before any last activation, as AudioSet's authors
        give them.
        """
        # channels last, as in TensorFlow, where the weights were trained
        y: Tensor = self.features(x).permute(0, 2, 3, 1).flatten(1)
        embedding: Tensor = self.embeddings(y)
        return embedding
