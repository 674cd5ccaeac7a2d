"""Frames of any size, turn and format to upright RGB of one shape, sampled evenly in time."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from fractions import Fraction
from typing import Any, BinaryIO

import av
import av.filter
import numpy as np
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame

from mmer_core.config import Limits
from mmer_core.media.decoder.budget import kept_side, most_bytes
from mmer_core.media.decoder.stream import UNTIMED, frame_seconds, frame_time

EXIF = 31  # AV_FRAME_DATA_EXIF, which PyAV 18.1 has no name for
PAPER = 255  # what shows through transparent pixels: white


class Pictures:
    """Writes every frame whose time has come.

    Attributes:
        until: end of the last frame seen, written or not, seconds of the clip.
        written: frames so far.
    """

    def __init__(
        self,
        file: BinaryIO,
        say: Callable[..., None],
        limits: Limits,
        *,
        origin: float,
        step: float,
        aspect: Fraction | None,
        expected: float,
    ) -> None:
        """Args: say reports an event; origin is the clip's start on the stream's clock, step the seconds
        between frames, aspect that of a pixel, expected the number of frames that will be written.
        """
        self._file, self._say, self._limits = file, say, limits
        self._origin, self._step = origin, step
        self._aspect = pixel_aspect(aspect)
        self._expected = expected
        self._shape: tuple[int, int] | None = None
        self._due = 0
        self.until = 0.0
        self.written = 0

    @property
    def full(self) -> bool:
        """Whether no further frame is wanted."""
        if self.written >= self._limits.max_frames or self.until >= self._limits.max_seconds:
            return True
        # There may be more frames than the first pass saw coming.
        height, width = self._shape or (0, 0)
        return (self.written + 1) * height * width * 3 > most_bytes(self._limits)

    def add(self, frame: VideoFrame) -> None:
        """Write the frame if it is due; others only move the clock."""
        clock = frame_time(frame)
        at = self.until if clock is None else clock - self._origin
        lasts = UNTIMED if clock is None else frame_seconds(frame)
        if self.full or at >= self._limits.max_seconds or at + max(lasts, UNTIMED) <= 0:
            return  # too much, or before the place at which an edited clip starts
        if self.written == 0 or at >= self._due * self._step - 1e-6:
            self._write(frame, max(at, 0.0))
            self._due = int(at / self._step + 1e-6) + 1
        self.until = min(max(self.until, at + lasts), self._limits.max_seconds)

    def _write(self, frame: VideoFrame, at: float) -> None:
        rgb = self._upright(frame)
        if self._shape is None:
            self._shape = (rgb.shape[0], rgb.shape[1])
            self._say("shape", height=rgb.shape[0], width=rgb.shape[1])
        rgb = centred(rgb, self._shape)
        self._file.write(np.ascontiguousarray(rgb).data)
        self._file.flush()
        self._say("frame", time=at)
        self.written += 1

    def _upright(self, frame: VideoFrame) -> np.ndarray:
        """(H, W, 3) uint8 that fits the frame side or, from the second frame on, the shape of the first."""
        width, height = upright_size(frame, self._aspect)
        if self._shape is None:
            side = kept_side((width, height), self._expected, self._limits)
            return upright_rgb(frame, self._aspect, min(1.0, side / max(width, height)))
        return upright_rgb(frame, self._aspect, min(self._shape[1] / width, self._shape[0] / height))


def pixel_aspect(aspect: Fraction | None) -> float:
    """Width of a pixel by its height; 1 where the file says nothing that can be meant."""
    return float(aspect) if aspect and Fraction(1, 4) <= aspect <= 4 else 1.0


def upright_size(frame: VideoFrame, aspect: float) -> tuple[float, float]:
    """Width and height of the frame as it is shown: upright, with square pixels.

    Args:
        frame: as decoded.
        aspect: of a pixel.
    """
    a, b, _, _ = display_matrix(frame)
    width, height = frame.width * aspect, float(frame.height)
    return (height, width) if abs(b) > abs(a) else (width, height)


def upright_rgb(frame: VideoFrame, aspect: float, scale: float) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright, `scale` times `upright_size`."""
    a, b, c, d = display_matrix(frame)
    width, height = frame.width * aspect * scale, frame.height * scale
    rgb = flat_rgb(frame, max(1, round(width)), max(1, round(height)))
    if abs(b) > abs(a):
        rgb, a, d = rgb.transpose(1, 0, 2), c, b
    return rgb[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def centred(rgb: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The picture in the middle of black bars where its size changed on the way, so that faces keep their
    proportions; as it is where it fits.
    """
    if rgb.shape[:2] == shape:
        return rgb
    canvas = np.zeros((*shape, 3), np.uint8)
    height, width = min(rgb.shape[0], shape[0]), min(rgb.shape[1], shape[1])
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    canvas[top : top + height, left : left + width] = rgb[:height, :width]
    return canvas


def flat_rgb(frame: VideoFrame, width: int, height: int) -> np.ndarray:
    """(height, width, 3) uint8 RGB; transparent pixels show white."""
    if frame.format.has_palette or any(part.is_alpha for part in frame.format.components):
        rgba = (
            frame.reformat(width, height, "rgba", interpolation="AREA", threads=1)
            .to_ndarray()
            .astype(np.uint16)
        )
        alpha = rgba[..., 3:]
        return ((rgba[..., :3] * alpha + PAPER * (255 - alpha) + 127) // 255).astype(np.uint8)
    return np.asarray(
        frame.reformat(width, height, "rgb24", interpolation="AREA", threads=1).to_ndarray(), np.uint8
    )


def display_matrix(frame: VideoFrame) -> tuple[int, int, int, int]:
    """(a, b, c, d) of the way to upright, x' = a·x + c·y and y' = b·x + d·y; the identity if the file gives
    none.
    """
    data: Any = None
    try:
        data = side_data(frame).get("DISPLAYMATRIX")
    except ValueError:  # PyAV gives no side data at all when it meets a kind it has no name for
        with contextlib.suppress(ValueError, av.FFmpegError):
            data = side_data(without_exif(frame)).get("DISPLAYMATRIX")
    if data is None or len(bytes(data)) < 36:
        return 1, 0, 0, 1
    a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
    return (a, b, c, d) if (a or b) and (c or d) else (1, 0, 0, 1)


def side_data(frame: VideoFrame) -> Any:
    """What comes with a frame, by its kind. Like `frame.side_data`, but the frame does not keep it: the two
    would hold each other in memory, dozens of frames, until the garbage collector comes.
    """
    return SideDataContainer(frame)  # type: ignore[call-arg]  # its stub forgets the frame


def without_exif(frame: VideoFrame) -> VideoFrame:
    """The same picture without its EXIF block; the turn it asks for stays, as a display matrix."""
    graph = av.filter.Graph()
    start = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 1000)
    )
    strip, end = graph.add("sidedata", f"mode=delete:type={EXIF}"), graph.add("buffersink")
    start.link_to(strip)
    strip.link_to(end)
    graph.configure()
    graph.push(frame)
    stripped = graph.pull()
    assert isinstance(stripped, VideoFrame)
    return stripped
