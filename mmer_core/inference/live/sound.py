"""Sound as it comes from a connection, and the last seconds of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import av
import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.media import voice_activity

_LONGEST_GAP = 5.0  # seconds of silence put in at most; a longer jump of the frames' times is a new start


def spoken_clip(window: np.ndarray, spoken: Sequence[tuple[float, float]]) -> Clip:
    """The part of a window (N,) float32 at 16 kHz from the first to the last stretch in which somebody
    speaks, with a margin; the stretches, at least one, are (start, end) in seconds.
    """
    start, stop = spoken[0][0] - voice_activity.MARGIN, spoken[-1][1] + voice_activity.MARGIN
    begin = max(0, round(start * SAMPLE_RATE))
    voices = tuple((a - begin / SAMPLE_RATE, b - begin / SAMPLE_RATE) for a, b in spoken)
    return Clip("live", "", "audio", waveform=window[begin : round(stop * SAMPLE_RATE)], voices=voices)


class SoundFrames:
    """Turns decoded frames into samples at 16 kHz, mono. What was lost on the way, or not sent, becomes
    silence of the same length.

    A frame's own time tells what is missing; when it arrived does not, since late frames come in bursts.
    """

    def __init__(self) -> None:
        self._resampler = av.AudioResampler("fltp", rate=SAMPLE_RATE)
        self._expected: float | None = None  # time of the next frame, seconds

    def samples(self, frame: av.AudioFrame) -> np.ndarray:
        """(N,) float32 in [-1, 1]: the frame's samples, after the silence that was before it."""
        parts = []
        if frame.pts is not None and frame.time_base is not None:
            start = float(frame.pts * frame.time_base)
            if self._expected is not None and 0.001 < start - self._expected <= _LONGEST_GAP:
                parts.append(np.zeros(round((start - self._expected) * SAMPLE_RATE), dtype=np.float32))
            self._expected = start + frame.samples / frame.sample_rate
        frame.pts = None  # the resampler would stumble over jumps
        # The mean of the channels; the resampler's own mix would be louder.
        parts += [
            part.to_ndarray().mean(axis=0, dtype=np.float32) for part in self._resampler.resample(frame)
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)


class SoundRing:
    """The newest sound, older samples overwritten; safe for one writer and many readers.

    Args:
        seconds: how much is kept.
    """

    def __init__(self, seconds: float) -> None:
        self._samples = np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)
        self._lock = threading.Lock()
        self._written = 0  # samples since the start
        self._end: float | None = None  # when the newest sample came

    @property
    def end(self) -> float | None:
        """When the newest sample came, on the writer's clock; None before the first."""
        with self._lock:
            return self._end

    def write(self, samples: np.ndarray, at: float) -> None:
        """Add (N,) float32 samples at 16 kHz that came at `at` (seconds)."""
        with self._lock:
            newest = samples[-len(self._samples) :]
            self._samples[np.arange(self._written, self._written + len(newest)) % len(self._samples)] = newest
            self._written += len(newest)
            self._end = at

    def last(self, seconds: float) -> np.ndarray:
        """A copy of up to the last `seconds`, (N,) float32, oldest first."""
        with self._lock:
            count = min(round(seconds * SAMPLE_RATE), self._written, len(self._samples))
            return self._samples[np.arange(self._written - count, self._written) % len(self._samples)]

    def clear(self) -> None:
        with self._lock:
            self._samples[:] = 0
            self._written, self._end = 0, None
