"""The last seconds of a camera and a microphone as a file in memory."""

from __future__ import annotations

import io
import threading
import wave
from collections import deque
from fractions import Fraction

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer

from mmer_core.clip import SAMPLE_RATE

_QUALITY = 88  # of JPEG
_CLOCK = 1000  # time base of the pictures, per second
_BLOCK = 1024  # samples of one frame of AAC


class KeptPictures:
    """The newest pictures as JPEG, at most `rate` per second, none older than `seconds` before the newest."""

    def __init__(self, seconds: float, rate: float) -> None:
        self._pictures: deque[tuple[float, bytes]] = deque(maxlen=max(1, round(seconds * rate)))
        self._seconds, self._least = seconds, 0.9 / rate
        self._lock = threading.Lock()

    def add(self, picture: np.ndarray, at: float) -> None:
        """Keep (H, W, 3) uint8 RGB, if the last kept one is not too fresh."""
        with self._lock:
            if self._pictures and at - self._pictures[-1][0] < self._least:
                return
        done, coded = cv2.imencode(
            ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        )
        if not done:
            raise ValueError(f"a picture of shape {picture.shape} cannot be kept as JPEG")
        with self._lock:
            self._pictures.append((at, coded.tobytes()))
            while at - self._pictures[0][0] > self._seconds:
                self._pictures.popleft()

    def all(self) -> list[tuple[float, bytes]]:
        """(when, JPEG) of each, oldest first."""
        with self._lock:
            return list(self._pictures)

    def clear(self) -> None:
        with self._lock:
            self._pictures.clear()


def as_file(
    pictures: list[tuple[float, bytes]], waveform: np.ndarray, sound_end: float | None
) -> tuple[str, bytes] | None:
    """A clip of what was kept: MP4 (H.264, AAC), or WAV where there are no pictures.

    Args:
        pictures: (when, JPEG), oldest first.
        waveform: (N,) float32 at 16 kHz; empty for none.
        sound_end: when the last sample came, on the pictures' clock.

    Returns:
        (name, content), or None if there is nothing.
    """
    if not pictures:
        return ("live.wav", _wav(waveform)) if len(waveform) else None
    start = pictures[0][0]
    if len(waveform) and sound_end is not None:
        late = (
            sound_end - len(waveform) / SAMPLE_RATE - start
        )  # how much later than the picture the sound begins
        shift = round(abs(late) * SAMPLE_RATE)
        waveform = np.concatenate([np.zeros(shift, np.float32), waveform]) if late > 0 else waveform[shift:]
    return "live.mp4", _mp4(pictures, waveform)


def _wav(waveform: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((waveform.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def _mp4(pictures: list[tuple[float, bytes]], waveform: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    first = _decoded(pictures[0][1])
    height, width = (side // 2 * 2 for side in first.shape[:2])  # H.264 wants even sides
    with av.open(buffer, "w", format="mp4") as container:
        video = container.add_stream(
            "libx264",
            rate=10,
            width=width,
            height=height,
            pix_fmt="yuv420p",
            options={"preset": "veryfast", "crf": "20"},
        )
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if len(waveform) else None
        video.codec_context.time_base = video.time_base = Fraction(1, _CLOCK)
        last = -1
        for at, coded in pictures:
            picture = _decoded(coded)
            if picture.shape[:2] != first.shape[:2]:  # the camera was turned or changed
                picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="bgr24")
            last = max(last + 1, round((at - pictures[0][0]) * _CLOCK))
            frame.pts, frame.time_base = last, Fraction(1, _CLOCK)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            _add_sound(container, sound, waveform)
    return buffer.getvalue()


def _add_sound(container: OutputContainer, stream: AudioStream, waveform: np.ndarray) -> None:
    for start in range(0, len(waveform), _BLOCK):
        part = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(waveform[None, start : start + _BLOCK]), format="flt", layout="mono"
        )
        part.sample_rate, part.pts, part.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))


def _decoded(coded: bytes) -> np.ndarray:
    """(H, W, 3) uint8 BGR."""
    picture = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None, "kept pictures are our own JPEGs"
    return picture
