"""VGGish (Hershey et al., "CNN architectures for large-scale audio classification", ICASSP 2017): the sound of system S0."""

from __future__ import annotations

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mmer_core.checkpoint import sha256_of
from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.mel import mel_filters, spectra
from mmer_core.encoders.sound import sound_of
from mmer_core.encoders.spec import EncoderSpec, EncoderUnavailable
from mmer_core.encoders.weights import ConvertedFile, random_revision, random_weights
from mmer_core.labels import Modality

BANDS, PATCH = 64, 96  # mel bands and frames of one picture of the sound
WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms every 10 ms
LOW, HIGH = 125.0, 7500.0  # Hz
OFFSET = 0.01  # added before the logarithm
WIDTH = 128
SOURCE = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"
VGGISH_WEIGHTS = ConvertedFile(
    "vggish.safetensors",
    f'download {SOURCE} (sha256 10086976245803…), run python -c "import torch, safetensors.torch as s; '
    "s.save_file(torch.load('vggish-10086976.pth', weights_only=True), 'vggish.safetensors')\" and put the result into the folder that the variable "
    "MMER_MODELS names",
)
_AT_ONCE = 32  # pictures of sound in one step


class VggishNetwork(nn.Module):
    """Six convolutions and three linear maps; parameters carry the names of the published PyTorch port.

    Args:
        channels: of the six convolutions.
        hidden: width of the first two linear maps.
    """

    def __init__(self, channels: tuple[int, int, int, int, int, int] = (64, 128, 256, 256, 512, 512), hidden: int = 4096) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for i, width in enumerate(channels):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            if i in (0, 1, 3, 5):
                layers.append(nn.MaxPool2d(2))
            before = width
        self.features = nn.Sequential(*layers)
        flat = before * (PATCH // 16) * (BANDS // 16)
        self.embeddings = nn.Sequential(nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, 96, 64) log-mel pictures to (B, 128), before any last activation, as AudioSet's authors give them."""
        y: Tensor = self.features(x).permute(0, 2, 3, 1).flatten(1)  # TensorFlow's order, in which the weights were trained
        embedding: Tensor = self.embeddings(y)
        return embedding


@ENCODERS.register("vggish")
class VggishEncoder:
    """VGGish, frozen, without AudioSet's PCA and quantisation: 128-d for each .96 s of sound.

    Args:
        step: seconds from one row to the next; .96 as published, less gives rows that overlap.
        random_init: seed of a tiny network with random weights, for tests and for trying a pipeline out.

    Raises:
        EncoderUnavailable: the weights cannot be had; the message says how.
    """

    needs = (VGGISH_WEIGHTS,)

    def __init__(self, *, step: float = 0.96, random_init: int | None = None) -> None:
        self._step = round(step * SAMPLE_RATE / HOP)
        if self._step < 1:
            raise ValueError(f"vggish cannot take steps of {step:g} s: give at least {HOP / SAMPLE_RATE:g} s")
        self.network, revision = vggish_network() if random_init is None else (tiny_network(random_init), random_revision(random_init))
        self.spec = EncoderSpec(
            name="vggish",
            modality=Modality.AUDIO,
            dim=WIDTH,
            source="AudioSet's VGGish as ported in torchvggish v0.1" if random_init is None else "this project",
            revision=revision,
            licence="Apache-2.0",
            preprocessing=f"16 kHz mono, {BANDS} mel bands {LOW:g}-{HIGH:g} Hz, 25 ms each 10 ms, log(x+{OFFSET}), {PATCH} frames each {self._step}",
            rate=SAMPLE_RATE / HOP / self._step,
        )

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 128) float32, one row for each whole .96 s; a shorter sound is filled up with silence to one.

        Raises:
            Absent: there is no sound, it is silent, or it is shorter than a quarter of a second.
        """
        pictures = torch.from_numpy(patches(sound_of(clip), self._step)).unsqueeze(1)
        with torch.inference_mode():
            return torch.cat([self.network(part) for part in pictures.split(_AT_ONCE)]).numpy()


def patches(waveform: np.ndarray, step: int = PATCH) -> np.ndarray:
    """(T, 96, 64) float32: the log-mel spectrogram of (N,) float32 samples at 16 kHz, cut every `step` frames."""
    shortest = WINDOW + (PATCH - 1) * HOP
    waveform = np.pad(waveform, (0, max(0, shortest - len(waveform))))
    mel = np.log(spectra(waveform, WINDOW, HOP, FFT) @ mel_filters(BANDS, LOW, HIGH, FFT) + np.float32(OFFSET))
    return np.lib.stride_tricks.sliding_window_view(mel, PATCH, axis=0)[::step].transpose(0, 2, 1).astype(np.float32, order="C")


def vggish_network() -> tuple[VggishNetwork, str]:
    """The published network, float32, and the sha256 of its file."""
    path = VGGISH_WEIGHTS.locate()
    with torch.device("meta"):
        network = VggishNetwork()
    try:
        weights = {name: t.float() for name, t in load_file(path).items() if name.startswith(("features.", "embeddings."))}
        network.load_state_dict(weights, assign=True)
    except (RuntimeError, OSError, SafetensorError) as error:
        raise EncoderUnavailable(f"{path.name} does not hold VGGish's weights: {VGGISH_WEIGHTS.how_to_get}") from error
    return network.eval().requires_grad_(False), sha256_of(path)


def tiny_network(seed: int) -> VggishNetwork:
    """A small network with random weights."""
    with random_weights(seed):
        return VggishNetwork((4, 4, 8, 8, 8, 8), 32).eval().requires_grad_(False)
