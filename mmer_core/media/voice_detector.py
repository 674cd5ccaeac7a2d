"""Where somebody speaks, in any language: the network Silero VAD (Silero Team 2025) and how its probabilities
become stretches of speech.

Each call starts anew, so that what is found in a clip depends on this clip alone. The stretches are those
that the library of moonshine-voice finds with the same network in a process that heard nothing before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.voice_activity import MARGIN
from mmer_core.media.weight_files import load_network

WEIGHTS = Path(__file__).parent / "weights" / "voice_detector.safetensors"
HOP = 512  # samples from one probability to the next
THRESHOLD = 0.3  # of the smoothed probability; shouting and crying are often below the usual 0.5
BEFORE = 1.0  # seconds of silence put before a clip, for a voice at its very beginning
SMOOTHED = 16  # probabilities whose mean is compared with the threshold, half a second
LOOK_BEHIND = 8192  # samples: a stretch begins this much before it is noticed
LONGEST = 10 * SAMPLE_RATE  # samples of a stretch; then another begins
_CONTEXT = 64  # samples before a hop that the network hears as well
_BINS = 129
_AT_ONCE = 2048  # hops whose spectra are in memory together, about a minute


class VoiceNetwork(nn.Module):
    """A spectrum, four convolutions, a recurrent layer."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = nn.Conv1d(1, 2 * _BINS, 256, stride=128, bias=False)
        self.encoder = nn.ModuleList(
            [
                nn.Conv1d(_BINS, 128, 3, padding=1),
                nn.Conv1d(128, 64, 3, stride=2, padding=1),
                nn.Conv1d(64, 64, 3, stride=2, padding=1),
                nn.Conv1d(64, 128, 3, padding=1),
            ]
        )
        self.lstm = nn.LSTM(128, 128)
        self.classifier = nn.Linear(128, 1)

    def forward(
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """(T, 576) samples of hops on end, each with its context, to (T,) probabilities and the state of the
        recurrent layer after them.
        """
        x = self.spectrum(F.pad(x[:, None], (0, _CONTEXT), mode="reflect"))
        x = torch.hypot(x[:, :_BINS], x[:, _BINS:])
        for convolution in self.encoder:
            x = F.relu(convolution(x))
        x, state = self.lstm(x[:, :, 0], state)
        return torch.sigmoid(self.classifier(F.relu(x)))[:, 0], state


def find_voices(waveform: np.ndarray) -> list[tuple[float, float]]:
    """The stretches of speech, (start, end) in seconds, in order of time; they may overlap a little.

    Args:
        waveform: (N,) float32 at 16 kHz, of the level that `voice_activity.raise_level` gives.

    Raises:
        WeightsUnavailable: the weights are missing.
    """
    silence = np.zeros(int(BEFORE * SAMPLE_RATE), np.float32)
    found = _stretches(probabilities(np.concatenate([silence, waveform])))
    times = [(start / SAMPLE_RATE - BEFORE, end / SAMPLE_RATE - BEFORE) for start, end in found]
    return [(max(0.0, start), end) for start, end in times if end > MARGIN]


def probabilities(waveform: np.ndarray) -> np.ndarray:
    """(T,) float32: that somebody speaks in each whole hop of (N,) float32 at 16 kHz."""
    network, state = load_network(WEIGHTS, VoiceNetwork), None
    hops = len(waveform) // HOP
    samples = np.concatenate([np.zeros(_CONTEXT, np.float32), waveform[: hops * HOP]])
    parts = [np.zeros(0, np.float32)]
    with torch.inference_mode():
        for first in range(0, hops, _AT_ONCE):
            part = samples[first * HOP : min(first + _AT_ONCE, hops) * HOP + _CONTEXT]
            windows = np.lib.stride_tricks.sliding_window_view(part, HOP + _CONTEXT)[::HOP]
            found, state = network(torch.from_numpy(windows.copy()), state)
            parts.append(found.numpy())
    return np.concatenate(parts)


def _stretches(probability: np.ndarray) -> list[tuple[int, int]]:
    """First sample and the one after the last of each stretch of speech."""
    before = np.concatenate([np.zeros(SMOOTHED, np.float32), probability])
    smoothed = np.lib.stride_tricks.sliding_window_view(before, SMOOTHED)[1:].mean(axis=1)
    found: list[tuple[int, int]] = []
    start: int | None = None
    for i, speaks in enumerate((smoothed > THRESHOLD).tolist()):
        heard = (i + 1) * HOP
        if start is None:
            start = max(0, heard - LOOK_BEHIND) if speaks else None
        elif not speaks or i * HOP - start > LONGEST:
            found.append((start, heard))
            start = None
    if start is not None:
        found.append((start, len(probability) * HOP))
    return found
