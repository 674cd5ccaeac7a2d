"""The encoder of Whisper-base (Radford et al. 2023): a voice encoder for machines that reach a model hub."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.sound import sound_of
from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.device import Device
from mmer_core.encoders.pretrained import PretrainedEncoder
from mmer_core.encoders.weights import HubFile
from mmer_core.labels import Modality

WHISPER_WEIGHTS = HubFile(
    "openai/whisper-base",
    "e37978b90ca9030d5170a5c07aadb050351a65bb",
    "model.safetensors",
    "07cadb9f25677c8d50df603e66a98fbd842cce45047139baeb16e6219a1e807b",
    290_403_936,
)
HOP = 320  # samples, 20 ms: one row of its output
PART = 30 * SAMPLE_RATE  # samples that it reads at once
_BASE: dict[str, Any] = {
    "d_model": 512,
    "encoder_layers": 6,
    "encoder_attention_heads": 8,
    "encoder_ffn_dim": 2048,
}
_TINY: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
}
_PREFIX = "model.encoder."


@ENCODERS.register(
    "whisper",
    modality=Modality.AUDIO,
    description="encoder of Whisper-base, a row per 20 ms",
    order=70,
)
class WhisperEncoder(PretrainedEncoder):
    """Whisper-base's encoder, frozen, last layer: 512-d for each 20 ms of sound.

    Raises:
        EncoderUnavailable: the weights cannot be had; the message says how.
    """

    weights = WHISPER_WEIGHTS
    needs = (WHISPER_WEIGHTS,)
    source = WHISPER_WEIGHTS.repository

    def __init__(self, *, random_init: int | None = None, device: Device = "cpu") -> None:
        from transformers import WhisperFeatureExtractor

        super().__init__(self.load(random_init), device)
        self._mel = WhisperFeatureExtractor()
        source, revision = self.provenance(random_init)
        self.spec = EncoderSpec(
            name="whisper",
            modality=Modality.AUDIO,
            dim=(_BASE if random_init is None else _TINY)["d_model"],
            source=source,
            revision=revision,
            licence="Apache-2.0",
            preprocessing="16 kHz mono in parts of 30 s filled up with silence, 80 mel bands, rows beyond "
            "the sound left out",
            rate=SAMPLE_RATE / HOP,
            timing="rate",
        )

    @staticmethod
    def build(tiny: bool) -> nn.Module:
        """The encoder alone; see `PretrainedEncoder.build`."""
        from transformers import WhisperConfig
        from transformers.models.whisper.modeling_whisper import WhisperEncoder as Network

        network: nn.Module = Network(WhisperConfig(**(_TINY if tiny else _BASE)))
        return network

    @staticmethod
    def tensor_name(published: str) -> str | None:
        """The encoder's tensors; the decoder is not read."""
        return published.removeprefix(_PREFIX) if published.startswith(_PREFIX) else None

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 512) float32, one row per 20 ms.

        Raises:
            Absent: there is no sound, it is silent, or it is shorter than a quarter of a second.
        """
        waveform = sound_of(clip)
        return np.concatenate(
            [self._encode_part(waveform[start : start + PART]) for start in range(0, len(waveform), PART)]
        )

    def _encode_part(self, waveform: np.ndarray) -> np.ndarray:
        mel = self._mel(waveform, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        rows: np.ndarray = self.compute(self._last_layer, mel)[0]
        return rows[: -(-len(waveform) // HOP)]

    def _last_layer(self, mel: Tensor) -> Tensor:
        states: Tensor = self.network(mel).last_hidden_state
        return states
