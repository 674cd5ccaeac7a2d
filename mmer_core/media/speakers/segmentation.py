"""The segmentation network (Bredin and Laurent 2021): who of up to three people speaks, each few
hundredths of a second in a window of five seconds.

Whom it calls first, second and third differs from window to window, so what is kept of overlapping windows
is how many people speak and where one hands over to another.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmer_core.media.weight_files import load_network

WEIGHTS = Path(__file__).parent / "weights" / "segmentation.safetensors"
WINDOW = 80_000  # samples of a window, 5 s
FRAMES = 293  # of a window
FRAME = 270  # samples from one frame to the next
CENTRE = 495.5  # sample at the middle of the first frame of a window
PEOPLE = 3  # that are told apart in a window
STEP = 8_100  # samples from one window to the next: 30 frames, about half a second
BATCH = 16  # windows that are read at once
AT_ONCE = 2  # of them in the first layer, whose output is the largest: 40 MB less, as fast
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
        (first, *convolutions), (first_norm, *norms) = self.conv1d, self.norm1d
        parts = self.wav_norm1d(x[:, None]).split(AT_ONCE)
        x = torch.cat([F.leaky_relu(first_norm(F.max_pool1d(first(part).abs(), 3))) for part in parts])
        for convolution, norm in zip(convolutions, norms, strict=True):
            x = F.leaky_relu(norm(F.max_pool1d(convolution(x), 3)))
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


class Segmenter:
    """How many people speak when, in sound that comes in parts; memory grows by a few numbers for each frame.

    A frame is settled when all windows that hear it were read; what its last windows need of the sound is
    kept.
    """

    def __init__(self) -> None:
        self._sound = np.zeros(0, dtype=np.float32)  # from the first sample of the next window on
        self._next = 0  # window that is read next
        self._sums = np.zeros((4, 2 * FRAMES), dtype=np.float32)  # people, speech, changes, windows
        self._samples, self._finished = 0, False

    def add(self, sound: np.ndarray) -> None:
        """Read the windows that are whole with (N,) float32 more at 16 kHz."""
        self._sound = np.concatenate([self._sound, sound])
        self._samples += len(sound)
        self._read((len(self._sound) - WINDOW) // STEP + 1)

    def finish(self) -> None:
        """Read the last windows, which reach beyond the end; nothing can be added afterwards."""
        last = -(-max(self._samples - WINDOW, 0) // STEP)
        self._read(last + 1 - self._next)
        self._finished = True

    def _read(self, windows: int) -> None:
        for first in range(0, windows, BATCH):
            count = min(BATCH, windows - first)
            for activity in read_windows(self._sound, count):
                self._note(activity)
            self._sound = self._sound[count * STEP :]

    def _note(self, activity: np.ndarray) -> None:
        """Add what a window hears to the frames that it covers."""
        start = self._next * STEP // FRAME
        if start + FRAMES > self._sums.shape[1]:
            self._sums = np.pad(self._sums, ((0, 0), (0, self._sums.shape[1])))
        active = activity > ACTIVE
        rows = active.sum(axis=1), active.any(axis=1), hand_overs(activity), np.ones(FRAMES)
        self._sums[:, start : start + FRAMES] += np.stack(rows)
        self._next += 1

    @property
    def settled(self) -> int:
        """Frames whose activity does not change any more."""
        total = frames_of(self._samples)
        return total if self._finished else min(self._next * STEP // FRAME, total)

    def activity(self, first: int = 0, *, settled: bool = True) -> Activity:
        """Of the settled frames from one on, or of all that any window has heard."""
        heard = min((self._next - 1) * STEP // FRAME + FRAMES, frames_of(self._samples))
        people, speech, changes, seen = self._sums[:, first : self.settled if settled else heard]
        seen = np.maximum(seen, 1)
        count = np.where(speech > SPEECH * seen, np.maximum(np.rint(people / seen), 1), 0)
        return Activity(count.astype(int), changes > seen / 2)


def segment(waveform: np.ndarray) -> Activity:
    """How many people speak when, in (N,) float32 at 16 kHz of any length."""
    segmenter = Segmenter()
    segmenter.add(waveform)
    segmenter.finish()
    return segmenter.activity()


def frames_of(samples: int) -> int:
    """Frames of a recording: one begins every `FRAME` samples."""
    return -(-samples // FRAME)


def read_windows(sound: np.ndarray, count: int) -> np.ndarray:
    """(B, 293, 3) float32 probabilities in the first `count` windows of sound, silent beyond its end."""
    network = load_network(WEIGHTS, SegmentationNetwork)
    batch = np.zeros((count, WINDOW), dtype=np.float32)
    for i, row in enumerate(batch):
        piece = sound[i * STEP : i * STEP + WINDOW]
        row[: len(piece)] = piece
    with torch.inference_mode():
        found: np.ndarray = network(torch.from_numpy(batch)).numpy()
    return found


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
