"""Sound of any rate, layout and format to float32 mono at 16 kHz."""

from __future__ import annotations

from typing import Any, BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.decoder.channels import SILENT, better_channel, without_offset
from mmer_core.media.decoder.stream import frame_time

RATES = (1_000, 1_000_000)  # Hz; outside, a header is damaged or hostile
#: FFmpeg's name of a packed sample format -> its type
PLAIN = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "s64": np.int64,
    "flt": np.float32,
    "dbl": np.float64,
}
SURROUND = 8  # channels; above, there is no agreed layout and the mean is taken
GAP = 0.1  # seconds; a longer hole is filled with silence so that sound and picture stay together


class Sound:
    """Writes audio frames as they come, mixed to one channel; `finish` puts right what only the whole shows.

    Attributes:
        start: time of the first sample on the stream's clock, seconds; None before it.
        written: samples so far.
        silenced: invalid samples (NaN, infinite) were met and replaced by zero.
    """

    def __init__(self, file: BinaryIO, max_seconds: float) -> None:
        self._file = file
        self._most = int(max_seconds * SAMPLE_RATE)
        self._resampler: av.AudioResampler | None = None
        self._apart: av.AudioResampler | None = None  # the same with the channels kept
        self._mix: list[np.ndarray] = []
        self._channels: list[np.ndarray] = []  # (C, n) each
        self._count: int | None = None  # C; 0 where there is one channel, or their number changes
        self._gaps: list[tuple[int, int]] = []
        self._format: tuple[str, str, int] | None = None
        self.start: float | None = None
        self.written = 0
        self.silenced = False

    @property
    def full(self) -> bool:
        """Whether no further sample is wanted."""
        return self.written >= self._most

    @property
    def audible(self) -> bool:
        """Whether anything in it can be heard: silence is what stays under -65 dBFS around a constant."""
        pieces = [piece for kept in (self._mix, self._channels) for piece in kept if piece.size]
        return any(float(np.ptp(piece, axis=-1).max()) > 2 * SILENT for piece in pieces)

    def finish(self, origin: float) -> None:
        """Remove a constant offset and what comes before the clip's start, and take one channel where the mix
        would spoil the sound.
        """
        if not self._mix:
            return
        mix = np.concatenate(self._mix)
        sound = mix
        if self._channels:
            channels = np.nan_to_num(np.concatenate(self._channels, axis=1)[:, : len(mix)]).clip(-1.0, 1.0)
            best = better_channel(channels, mix[: channels.shape[1]]) if channels.shape[1] else None
            if best is not None:
                sound = np.zeros_like(mix)
                sound[: channels.shape[1]] = channels[best]
        sound = without_offset(sound, self._gaps)
        early = max(round((origin - (self.start or 0.0)) * SAMPLE_RATE), 0)
        if early and self.start is not None:
            sound, self.start = sound[early:], origin
        if sound is not mix:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(sound.tobytes())
            self._file.flush()
            self.written = len(sound)

    def add(self, frame: AudioFrame) -> None:
        """Resample and write one frame."""
        at = frame_time(frame)
        if self.start is None:
            self.start = at or 0.0
        if at is not None:
            due = round((at - self.start) * SAMPLE_RATE)
            if due - self.written > GAP * SAMPLE_RATE:
                self.flush()
                self._fill(min(due, self._most) - self.written)
        clean = self._clean(frame)
        kind = (clean.format.name, clean.layout.name, clean.sample_rate)
        if kind != self._format or (self._resampler is None and self._apart is None):
            self.flush()
            self._start_resampling(clean)
            self._format = kind
        self._resample(clean)

    def flush(self) -> None:
        """Write what the resampler still holds."""
        self._resample(None)
        self._resampler = self._apart = None

    def _resample(self, frame: AudioFrame | None) -> None:
        """Write the mix and keep the channels of a frame; None stands for what the resamplers still hold."""
        if self._apart is not None:
            pieces = [samples_of(piece) for piece in self._apart.resample(frame)]
            self._channels.extend(pieces)
            if self._resampler is None:
                for left, right in pieces:
                    self._write((left + right) / 2)
        if self._resampler is not None:
            for piece in self._resampler.resample(frame):
                self._write(piece.to_ndarray()[0])

    def _start_resampling(self, frame: AudioFrame) -> None:
        """For this frame and those like it: one resampler for the mix, one that keeps the channels; two
        channels need only the second. Another number of channels on the way ends the keeping.
        """
        count = frame.layout.nb_channels
        if self._count is None:
            self._count = count if count > 1 else 0
        elif count != self._count:
            self._count = 0
            self._channels.clear()
        if self._count:
            self._apart = av.AudioResampler(format="flt", layout=frame.layout.name, rate=SAMPLE_RATE)
        if self._apart is None or frame.layout.name != "stereo":
            # Without the option a float mix is the sum of the channels: louder than the same sound recorded
            # in one.
            self._resampler = av.AudioResampler(
                format="flt", layout="mono", rate=SAMPLE_RATE, options={"rematrix_maxval": "1.0"}
            )

    def _fill(self, count: int) -> None:
        """Write silence."""
        self._gaps.append((self.written, self.written + count))
        self._write(np.zeros(count, np.float32))
        if self._count:
            self._channels.append(np.zeros((self._count, count), np.float32))

    def _clean(self, frame: AudioFrame) -> AudioFrame:
        """The frame with finite samples, and in one channel if it has more than any layout; the same frame if
        it is fine.
        """
        floating = frame.format.name.startswith(("flt", "dbl"))
        crowded = frame.layout.nb_channels > SURROUND
        if not floating and not crowded:
            return frame
        samples = samples_of(frame)
        if floating and not np.isfinite(samples).all():
            samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
            self.silenced = True
        elif not crowded:
            return frame
        name, layout = frame.format.packed.name, frame.layout.name
        if crowded:
            samples, name, layout = mean_channel(samples), "flt", "mono"
        packed = np.ascontiguousarray(samples.T).reshape(1, -1)
        clean = AudioFrame.from_ndarray(packed, format=name, layout=layout)
        clean.sample_rate = frame.sample_rate
        return clean

    def _write(self, samples: np.ndarray) -> None:
        samples = np.nan_to_num(samples[: self._most - self.written]).clip(-1.0, 1.0).astype(np.float32)
        self._file.write(samples.tobytes())
        self._file.flush()
        self._mix.append(samples)
        self.written += len(samples)


def samples_of(frame: AudioFrame) -> np.ndarray:
    """(C, N) samples of a frame, in its own type.

    Not `AudioFrame.to_ndarray`: where eight or more channels lie in planes, PyAV 18.1 reads pointers beyond
    the last.
    """
    kind, channels = PLAIN[frame.format.packed.name], frame.layout.nb_channels
    planes: Any = frame.planes  # buffers, which PyAV's types do not tell
    if frame.format.is_planar:
        return np.stack([np.frombuffer(plane, kind, frame.samples) for plane in planes[:channels]])
    return np.frombuffer(planes[0], kind, frame.samples * channels).reshape(-1, channels).T


def mean_channel(channels: np.ndarray) -> np.ndarray:
    """(1, N) float32 mean of (C, N) samples of any PCM type; whole numbers are scaled to [-1, 1]."""
    mean = channels.mean(axis=0, keepdims=True, dtype=np.float64)
    if channels.dtype.kind == "u":
        middle = (float(np.iinfo(channels.dtype).max) + 1) / 2
        mean = (mean - middle) / middle
    elif channels.dtype.kind == "i":
        mean = mean / (float(np.iinfo(channels.dtype).max) + 1)
    return mean.astype(np.float32)
