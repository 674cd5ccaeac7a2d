"""The sound of a film: whatever the source has, as AAC, in step with the pictures."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame

from mmer_core.media.decoder.stream import frame_time

RATE = 48_000  # Hz
BITS = 128_000  # a second
GAP = 0.1  # seconds by which the sound may be out of step before silence is put in
SILENCE = RATE  # samples that are written at once


class Soundtrack:
    """Writes sound in two channels, or one where the source has one.

    Args:
        container: that is written.
        channels: of the source.
        begin: where the film begins on the clock of the source, seconds.
        length: of the film, seconds.

    Attributes:
        written: samples so far.
    """

    def __init__(self, container: Any, channels: int, *, begin: float, length: float) -> None:
        self._layout = "mono" if channels == 1 else "stereo"
        self._container, self._begin = container, begin
        self._stream = container.add_stream("aac", rate=RATE, layout=self._layout)
        self._stream.bit_rate = BITS
        self._most = round(length * RATE)
        self._format: tuple[str, str, int] | None = None
        self._resampler: av.AudioResampler | None = None
        self._at: int | None = None  # sample at which the resampler began
        self.written = 0

    def samples(self, frame: AudioFrame | None) -> np.ndarray:
        """(C, N) float32: a frame as it is heard here; None stands for what is still held back.

        Raises:
            av.FFmpegError, ValueError: it cannot be converted.
        """
        if frame is None:
            return self._resampled(None)
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._format:
            self._resampler = av.AudioResampler(format="fltp", layout=self._layout, rate=RATE)
            self._format = kind
        frame.pts = None  # the resampler would fill gaps by its own rules
        return self._resampled(frame)

    def _resampled(self, frame: AudioFrame | None) -> np.ndarray:
        parts = [] if self._resampler is None else [p.to_ndarray() for p in self._resampler.resample(frame)]
        empty = np.zeros((1 if self._layout == "mono" else 2, 0), np.float32)
        return np.nan_to_num(np.concatenate([empty, *parts], axis=1)).clip(-1.0, 1.0)

    def place(self, frame: AudioFrame) -> int | None:
        """The sample of the film at which a frame begins; None if the file does not say."""
        at = frame_time(frame)
        return None if at is None else round((at - self._begin) * RATE)

    def add(self, samples: np.ndarray, due: int | None) -> None:
        """Write samples that begin at sample `due` of the film: those before its start are left out, and
        what is missing before them is silence.
        """
        if due is not None:
            if due < 0:
                samples, due = samples[:, -due:], 0
            for missing in range(due - self.written, 0, -SILENCE) if due - self.written > GAP * RATE else ():
                self._encode(np.zeros((len(samples), min(missing, SILENCE)), np.float32))
        self._encode(samples)

    def _encode(self, samples: np.ndarray) -> None:
        samples = samples[:, : max(self._most - self.written, 0)]
        if not samples.shape[1]:
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.written, Fraction(1, RATE)
        self.written += samples.shape[1]
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: list[Any]) -> None:
        """Write packets without the first, which an encoder puts before the sound: a file in fragments cannot
        say that it is not to be heard, and everything else would come later.
        """
        self._container.mux([packet for packet in packets if packet.pts is not None and packet.pts >= 0])

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if self.written:
            self._mux(self._stream.encode(None))
