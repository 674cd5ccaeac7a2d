"""The encoder of Whisper-base (Radford et al. 2023): a voice encoder for machines that can reach a model hub."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import nn

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.sound import sound_of
from mmer_core.encoders.spec import EncoderSpec, EncoderUnavailable
from mmer_core.encoders.weights import HubFile, random_revision, random_weights
from mmer_core.labels import Modality

WHISPER_WEIGHTS = HubFile(
    "openai/whisper-base",
    "e37978b90ca9030d5170a5c07aadb050351a65bb",
    "model.safetensors",
    "07cadb9f25677c8d50df603e66a98fbd842cce45047139baeb16e6219a1e807b",
    290_403_936,
)
HOP = 320  # samples, 20 ms: one row of its output
PART = 30 * SAMPLE_RATE  # what it hears at once
_BASE: dict[str, Any] = {"d_model": 512, "encoder_layers": 6, "encoder_attention_heads": 8, "encoder_ffn_dim": 2048}
_TINY: dict[str, Any] = {"d_model": 32, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
_PREFIX = "model.encoder."


@ENCODERS.register("whisper")
class WhisperEncoder:
    """Whisper-base's encoder, frozen, last layer: 512-d for each 20 ms of sound.

    Args:
        random_init: seed of a tiny network with random weights, for tests and for trying a pipeline out.

    Raises:
        EncoderUnavailable: the weights cannot be had; the message says how.
    """

    needs = (WHISPER_WEIGHTS,)

    def __init__(self, *, random_init: int | None = None) -> None:
        from transformers import WhisperFeatureExtractor

        self.network = whisper_network() if random_init is None else tiny_network(random_init)
        self._mel = WhisperFeatureExtractor()
        sizes = _BASE if random_init is None else _TINY
        self.spec = EncoderSpec(
            name="whisper",
            modality=Modality.AUDIO,
            dim=sizes["d_model"],
            source=WHISPER_WEIGHTS.repository if random_init is None else "this project",
            revision=f"{WHISPER_WEIGHTS.revision} {WHISPER_WEIGHTS.sha256}" if random_init is None else random_revision(random_init),
            licence="Apache-2.0",
            preprocessing="16 kHz mono in parts of 30 s filled up with silence, 80 mel bands, rows beyond the sound left out",
            rate=SAMPLE_RATE / HOP,
        )

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, 512) float32, one row per 20 ms.

        Raises:
            Absent: there is no sound, it is silent, or it is shorter than a quarter of a second.
        """
        waveform = sound_of(clip)
        return np.concatenate([self._encode_part(waveform[start : start + PART]) for start in range(0, len(waveform), PART)])

    def _encode_part(self, waveform: np.ndarray) -> np.ndarray:
        mel = self._mel(waveform, sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        with torch.inference_mode():
            rows: torch.Tensor = self.network(mel).last_hidden_state[0]
        return rows[: -(-len(waveform) // HOP)].numpy()


def _build(sizes: dict[str, Any]) -> nn.Module:
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder as Network

    network: nn.Module = Network(WhisperConfig(**sizes))
    return network.eval().requires_grad_(False)


def whisper_network() -> nn.Module:
    """The published encoder, float32; the decoder is not even read."""
    with safe_open(WHISPER_WEIGHTS.locate(), "pt") as file:
        weights = {name.removeprefix(_PREFIX): file.get_tensor(name) for name in file.keys() if name.startswith(_PREFIX)}  # noqa: SIM118 - not a dict
    network = _build(_BASE)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise EncoderUnavailable(f"the weights of {WHISPER_WEIGHTS.repository} do not fit its network: {WHISPER_WEIGHTS.how_to_get}") from error
    return network


def tiny_network(seed: int) -> nn.Module:
    """A small encoder with random weights."""
    with random_weights(seed):
        return _build(_TINY)
