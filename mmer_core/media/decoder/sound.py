"""Sound of any rate, layout and format to float32 mono at 16 kHz."""

from __future__ import annotations

from typing import Any, BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.decoder.stream import frame_time

RATES = (1_000, 1_000_000)  # Hz; outside, a header is damaged or hostile
SURROUND = 8  # channels; above, there is no agreed layout and the mean is taken
GAP = 0.1  # seconds; a longer hole is filled with silence so that sound and picture stay together


class Sound:
    """Writes audio frames as they come.

    Attributes:
        start: time of the first sample on the stream's clock, seconds; None before it.
        written: samples so far.
        silenced: invalid samples (NaN, infinite) were met and replaced by zero.
    """

    def __init__(self, file: BinaryIO, max_seconds: float) -> None:
        self._file = file
        self._most = int(max_seconds * SAMPLE_RATE)
        self._resampler: av.AudioResampler | None = None
        self._format: tuple[str, str, int] | None = None
        self.start: float | None = None
        self.written = 0
        self.silenced = False

    @property
    def full(self) -> bool:
        """Whether no further sample is wanted."""
        return self.written >= self._most

    def add(self, frame: AudioFrame) -> None:
        """Resample and write one frame."""
        at = frame_time(frame)
        if self.start is None:
            self.start = at or 0.0
        if at is not None:
            due = round((at - self.start) * SAMPLE_RATE)
            if due - self.written > GAP * SAMPLE_RATE:
                self.flush()
                self._write(np.zeros(min(due, self._most) - self.written, np.float32))
        clean = self._clean(frame)
        kind = (clean.format.name, clean.layout.name, clean.sample_rate)
        if self._resampler is None or kind != self._format:
            self.flush()
            # Without the option a float mix is the sum of the channels: louder than the same sound recorded
            # in one.
            self._resampler = av.AudioResampler(
                format="flt", layout="mono", rate=SAMPLE_RATE, options={"rematrix_maxval": "1.0"}
            )
            self._format = kind
        for piece in self._resampler.resample(clean):
            self._write(piece.to_ndarray()[0])

    def flush(self) -> None:
        """Write what the resampler still holds."""
        if self._resampler is not None:
            for piece in self._resampler.resample(None):
                self._write(piece.to_ndarray()[0])
        self._resampler = None

    def _clean(self, frame: AudioFrame) -> AudioFrame:
        """The frame with finite samples, and in one channel if it has more than any layout; the same frame if
        it is fine.
        """
        floating = frame.format.name.startswith(("flt", "dbl"))
        crowded = frame.layout.nb_channels > SURROUND
        if not floating and not crowded:
            return frame
        samples: Any = frame.to_ndarray()
        if floating and not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
            self.silenced = True
        elif not crowded:
            return frame
        name, layout = frame.format.name, frame.layout.name
        if crowded:
            samples = mean_channel(
                samples if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels).T
            )
            name, layout = "flt", "mono"
        clean = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=name, layout=layout)
        clean.sample_rate = frame.sample_rate
        return clean

    def _write(self, samples: np.ndarray) -> None:
        samples = np.nan_to_num(samples[: self._most - self.written]).clip(-1.0, 1.0).astype(np.float32)
        self._file.write(samples.tobytes())
        self._file.flush()
        self.written += len(samples)


def mean_channel(channels: np.ndarray) -> np.ndarray:
    """(1, N) float32 mean of (C, N) samples of any PCM type; whole numbers are scaled to [-1, 1]."""
    mean = channels.mean(axis=0, keepdims=True, dtype=np.float64)
    if channels.dtype.kind == "u":
        middle = (float(np.iinfo(channels.dtype).max) + 1) / 2
        mean = (mean - middle) / middle
    elif channels.dtype.kind == "i":
        mean = mean / (float(np.iinfo(channels.dtype).max) + 1)
    return mean.astype(np.float32)
