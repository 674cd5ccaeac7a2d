"""The segmentation network (Bredin and Laurent 2021): who of up to three people speaks, each few
hundredths of a second in a window of five seconds.

Whom it calls first, second and third differs from window to window, so what is kept of overlapping windows
is how many people speak and where one hands over to another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmer_core.media.speakers.weight_files import load_network

WINDOW = 80_000  # samples of a window, 5 s
FRAMES = 293  # of a window
FRAME = 270  # samples from one frame to the next
CENTRE = 495.5  # sample at the middle of the first frame of a window
PEOPLE = 3  # that are told apart in a window
STEP = 8_100  # samples from one window to the next: 30 frames, about half a second
BATCH = 16  # windows that are read at once
ACTIVE = 0.5  # probability from which somebody speaks
SPEECH = 0.3  # share of the windows that hear somebody, from which somebody speaks
_AROUND = 6  # frames before and after a change that are compared


class SegmentationNetwork(nn.Module):
    """Sinc filters, two convolutions, four recurrent layers in both directions, three linear ones."""

    def __init__(self) -> None:
        super().__init__()
        self.wav_norm1d = nn.InstanceNorm1d(1, affine=True)
        self.conv1d = nn.ModuleList(
            [nn.Conv1d(1, 80, 251, stride=10, bias=False), nn.Conv1d(80, 60, 5), nn.Conv1d(60, 60, 5)]
        )
        self.norm1d = nn.ModuleList([nn.InstanceNorm1d(n, affine=True) for n in (80, 60, 60)])
        self.lstm = nn.LSTM(60, 128, num_layers=4, bidirectional=True, batch_first=True)
        self.linear = nn.ModuleList([nn.Linear(256, 128), nn.Linear(128, 128)])
        self.classifier = nn.Linear(128, PEOPLE)

    def forward(self, x: Tensor) -> Tensor:
        """(B, N) samples to (B, T, 3) probabilities that each of three people speaks."""
        x = self.wav_norm1d(x[:, None])
        for i, (convolution, norm) in enumerate(zip(self.conv1d, self.norm1d, strict=True)):
            x = convolution(x)
            x = F.leaky_relu(norm(F.max_pool1d(x if i else x.abs(), 3)))
        x, _ = self.lstm(x.transpose(1, 2))
        for linear in self.linear:
            x = F.leaky_relu(linear(x))
        return torch.sigmoid(self.classifier(x))


@dataclass(frozen=True)
class Activity:
    """How many people speak when; frame i is about sample `CENTRE` + `FRAME` i.

    Attributes:
        count: (T,) int, how many people speak.
        changes: (T,) bool, where a frame is the first of somebody else's.
    """

    count: np.ndarray
    changes: np.ndarray


def segment(waveform: np.ndarray) -> Activity:
    """How many people speak when, in (N,) float32 at 16 kHz of any length; the sound is read in windows, so
    that memory beside it grows by a few numbers for each frame only.
    """
    total = frames_of(len(waveform))
    people, speech, changes, seen = (np.zeros(total + FRAMES, dtype=np.float32) for _ in range(4))
    for start, activity in windows(waveform):
        part, active = slice(start, start + FRAMES), activity > ACTIVE
        people[part] += active.sum(axis=1)
        speech[part] += active.any(axis=1)
        changes[part] += hand_overs(activity)
        seen[part] += 1
    seen = np.maximum(seen, 1)
    count = np.where(speech > SPEECH * seen, np.maximum(np.rint(people / seen), 1), 0)
    return Activity(count[:total].astype(int), (changes > seen / 2)[:total])


def frames_of(samples: int) -> int:
    """Frames of a recording: one begins every `FRAME` samples."""
    return -(-samples // FRAME)


def windows(waveform: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """(first frame, (293, 3) float32 probabilities) of each window of a waveform, in order of time."""
    network = load_network("segmentation", SegmentationNetwork)
    starts = range(0, max(len(waveform) - WINDOW, 0) + STEP, STEP)
    for i in range(0, len(starts), BATCH):
        batch = np.zeros((len(starts[i : i + BATCH]), WINDOW), dtype=np.float32)
        for row, start in zip(batch, starts[i : i + BATCH], strict=True):
            piece = waveform[start : start + WINDOW]
            row[: len(piece)] = piece
        with torch.inference_mode():
            found = network(torch.from_numpy(batch)).numpy()
        yield from zip((start // FRAME for start in starts[i : i + BATCH]), found, strict=True)


def hand_overs(activity: np.ndarray) -> np.ndarray:
    """(T,) bool: where the voice that is strongest in most of the frames before is another than after.

    Args:
        activity: (T, 3), probabilities of a window.
    """
    speech = activity.max(axis=1, keepdims=True) > ACTIVE
    strongest = (activity.argmax(axis=1)[:, None] == np.arange(PEOPLE)) & speech
    sums = np.concatenate([np.zeros((1, PEOPLE), dtype=int), strongest.cumsum(axis=0)])
    middle = np.arange(_AROUND, len(activity) - _AROUND)
    before = sums[middle] - sums[middle - _AROUND]
    after = sums[middle + _AROUND] - sums[middle]
    found = np.zeros(len(activity), dtype=bool)
    found[middle] = before.any(axis=1) & after.any(axis=1) & (before.argmax(axis=1) != after.argmax(axis=1))
    return found
