"""The pictures of a film: people and captions drawn on them, and encoded."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np

from mmer_core.media.decoder.lettering import Fonts, Lettering
from mmer_core.media.decoder.pictures import centred, upright_rgb, upright_size
from mmer_core.media.decoder.recording import THREADS

CLOCK = Fraction(1, 60_000)  # holds the usual rates, and NTSC's exactly
BT709, NARROW = 1, 1  # FFmpeg's numbers for the colours of high definition, and their range
# Without pictures that refer to later ones, whose delay a file written in fragments cannot take back.
X264 = {"preset": "veryfast", "crf": "22", "maxrate": "12M", "bufsize": "24M", "bf": "0"}
MPEG4 = {"qmin": "3", "qmax": "8"}


class Person:
    """Somebody of the script, to be asked in order of time or not."""

    def __init__(self, found: dict[str, Any]) -> None:
        self.name, self.colours = found["name"], (tuple(found["colour"]), tuple(found["ink"]))
        self._sights = [(np.array(s["times"]), np.array(s["boxes"])) for s in found["sights"]]
        self._starts = [times[0] for times, _ in self._sights]
        self._says = found["says"]

    def box(self, at: float) -> list[float] | None:
        """x0, y0, x1, y1 as shares of the picture, interpolated; None when out of view."""
        place = bisect_right(self._starts, at) - 1
        if place < 0 or at > self._sights[place][0][-1]:
            return None
        times, boxes = self._sights[place]
        return [float(np.interp(at, times, side)) for side in boxes.T]

    def label(self, at: float) -> str:
        """The name, and what the face says."""
        said = text_at(self._says, at)
        return f"{self.name}: {said}" if said else self.name


def text_at(rows: Sequence[tuple[float, float, str]], at: float) -> str:
    """The text of the row (start, end, text), in order of time, that is on at a moment; "" for none."""
    place = bisect_right(rows, at, key=lambda row: row[0]) - 1
    return rows[place][2] if place >= 0 and at < rows[place][1] else ""


class Annotated:
    """Draws on the pictures and encodes them."""

    def __init__(
        self, container: Any, shape: tuple[int, int], rate: Fraction, fonts: Fonts, script: Any
    ) -> None:
        self._container, self._shape = container, shape
        self._people = [Person(p) for p in script["people"]]
        self._captions = script["captions"]
        self._lettering = Lettering(fonts, shape)
        fine = "libx264" in av.codecs_available
        stream = container.add_stream("libx264" if fine else "mpeg4", rate=rate)
        stream.height, stream.width, stream.pix_fmt = (*shape, "yuv420p")
        context = stream.codec_context
        context.time_base, context.options = CLOCK, X264 if fine else MPEG4
        context.thread_count = THREADS
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = NARROW
        if not fine:
            context.bit_rate = int(0.2 * shape[0] * shape[1] * float(rate))
        self._stream, self._last = stream, -1

    def fitted(self, frame: Any, aspect: float) -> np.ndarray:
        """(H, W, 3) uint8 RGB, upright, of the film's shape."""
        width, height = upright_size(frame, aspect)
        scale = min(self._shape[1] / width, self._shape[0] / height)
        fitted = centred(upright_rgb(frame, aspect, scale), self._shape)
        return np.array(fitted)  # to be drawn on

    def add(self, picture: np.ndarray, at: float, shown: float) -> None:
        """Draw and encode a picture of a moment of the recording, shown at a moment of the film, seconds."""
        ticks = round(shown / CLOCK)
        if ticks <= self._last:
            return
        seen = [(box, p.label(at), p.colours) for p in self._people if (box := p.box(at)) is not None]
        self._lettering.people(picture, seen)
        if caption := text_at(self._captions, at):
            self._lettering.caption(picture, caption)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
            format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG", threads=1
        )
        frame.pts, frame.time_base, self._last = ticks, CLOCK, ticks
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._container.mux(self._stream.encode(None))
