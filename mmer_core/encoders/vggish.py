"""VGGish (Hershey et al. 2017) over a sound."""

from __future__ import annotations

import numpy as np
import torch

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.mel import mel_filters, spectra
from mmer_core.encoders.backends.sound import sound_of
from mmer_core.encoders.backends.vggish_network import BANDS, PATCH, WIDTH, VggishNetwork
from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.device import Device
from mmer_core.encoders.pretrained import PretrainedEncoder
from mmer_core.encoders.weights import PublishedFile
from mmer_core.labels import Modality

WINDOW, HOP, FFT = 400, 160, 512  # samples: 25 ms every 10 ms
LOW, HIGH = 125.0, 7500.0  # Hz
OFFSET = 0.01  # added before the logarithm
PORT = "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth"
VGGISH_WEIGHTS = PublishedFile(
    "vggish.safetensors",
    f'download {PORT} (sha256 10086976245803…), run python -c "import torch, safetensors.torch as s; '
    "s.save_file(torch.load('vggish-10086976.pth', weights_only=True), 'vggish.safetensors')\" and put the "
    "result into the folder that the variable MMER_MODELS names",
)
_AT_ONCE = 32  # spectrograms in one step


@ENCODERS.register(
    "vggish",
    modality=Modality.AUDIO,
    description="VGGish, a row per 0.96 s",
    order=60,
)
class VggishEncoder(PretrainedEncoder):
    """VGGish, frozen, without AudioSet's PCA and quantisation: 128-d for each .96 s of sound.

    Args:
        step: seconds from one row to the next; .96 as published, less gives rows that overlap.

    Raises:
        EncoderUnavailable: the weights cannot be had; the message says how.
    """

    weights = VGGISH_WEIGHTS
    needs = (VGGISH_WEIGHTS,)
    source = "AudioSet's VGGish as ported in torchvggish v0.1"

    def __init__(self, *, step: float = 0.96, random_init: int | None = None, device: Device = "cpu") -> None:
        self._step = round(step * SAMPLE_RATE / HOP)
        if self._step < 1:
            raise ValueError(f"vggish cannot take steps of {step:g} s: give at least {HOP / SAMPLE_RATE:g} s")
        super().__init__(self.load(random_init), device)
        source, revision = self.provenance(random_init)
        self.spec = EncoderSpec(
            name="vggish",
            modality=Modality.AUDIO,
            dim=WIDTH,
            source=source,
            revision=revision,
            licence="Apache-2.0",
            preprocessing=f"16 kHz mono, {BANDS} mel bands {LOW:g}-{HIGH:g} Hz, 25 ms each 10 ms, "
            f"log(x+{OFFSET}), {PATCH} frames each {self._step}",
            rate=SAMPLE_RATE / HOP / self._step,
            timing="rate",
        )

    @staticmethod
    def build(tiny: bool) -> VggishNetwork:
        """See `PretrainedEncoder.build`."""
        return VggishNetwork((4, 4, 8, 8, 8, 8), 32) if tiny else VggishNetwork()

    @staticmethod
    def tensor_name(published: str) -> str | None:
        """The network's tensors; those of AudioSet's PCA are not read."""
        return published if published.startswith(("features.", "embeddings.")) else None

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 128) float32, one row for each whole .96 s; a shorter sound is filled up with silence to one.

        Raises:
            Absent: there is no sound, it is silent, or it is shorter than a quarter of a second.
        """
        spectrograms = torch.from_numpy(patches(sound_of(clip), self._step)).unsqueeze(1)
        return self.compute(self.network, spectrograms, size=_AT_ONCE)


def patches(waveform: np.ndarray, step: int = PATCH) -> np.ndarray:
    """(T, 96, 64) float32: the log-mel spectrogram of (N,) float32 samples at 16 kHz, cut every `step`
    frames.
    """
    shortest = WINDOW + (PATCH - 1) * HOP
    waveform = np.pad(waveform, (0, max(0, shortest - len(waveform))))
    filters = mel_filters(BANDS, LOW, HIGH, FFT, straight_on="mel")
    mel = np.log(spectra(waveform, WINDOW, HOP, FFT) @ filters + np.float32(OFFSET))
    windows = np.lib.stride_tricks.sliding_window_view(mel, PATCH, axis=0)[::step]
    return windows.transpose(0, 2, 1).astype(np.float32, order="C")
