"""Photographs and moving pictures (GIF, APNG, WebP, AVIF), read by Pillow from the first byte on.

Importing this module imports every part of Pillow that decoding needs: later the process can open no file.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import (  # noqa: F401 - formats register themselves
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    ImageOps,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from mmer_core.config import Limits
from mmer_core.media.decoder.budget import Budget, kept_side
from mmer_core.media.decoder.kinds import Refused

FORMATS = ("JPEG", "MPO", "PNG", "GIF", "BMP", "WEBP", "AVIF", "HEIF")
MOVING = ("GIF", "PNG", "WEBP", "AVIF")  # MPO has several pictures too, but they are views of one moment
PAPER = (255, 255, 255, 255)  # what shows through transparent pixels
TOO_SHORT, USUAL = 0.011, 0.1  # seconds; a shorter frame is shown for the usual time, as browsers do
# What Pillow raises for damaged files.
BROKEN = (OSError, EOFError, SyntaxError, ValueError, TypeError, KeyError, IndexError, struct.error)
BROKEN_TOO = (AttributeError, OverflowError, RuntimeError, MemoryError, ZeroDivisionError, AssertionError)

Image.preinit()
Image.MAX_IMAGE_PIXELS = None  # the limit is `Limits.max_pixels`, checked before any pixel is decoded


def register_heif() -> None:
    """Let Pillow read HEIC and HEIF, to be called while files can still be opened."""
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1
    pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False
    pillow_heif.register_heif_opener()


def decode_picture(file: BinaryIO, frames: BinaryIO, say: Callable[..., None], limits: Limits) -> None:
    """Write the picture, or the frames of a moving one, and report as the package's docstring says.

    Raises:
        Refused: it is too large, or cannot be decoded.
    """
    file.seek(0)
    content = file.read(limits.held_bytes + 1)
    if len(content) > limits.held_bytes:
        raise Refused("bytes", f"{limits.held_bytes / 2**20:.0f} MB")
    try:
        image = opened(content, limits)
        if image.format in MOVING and getattr(image, "is_animated", False):
            if Animation(content, say, limits).decode(frames):
                return
            image = opened(content, limits)
        say("kind", kind="picture")
        rgb, cut = still(image, content, limits)
    except (*BROKEN, *BROKEN_TOO) as error:
        raise Refused("damaged", "") from error
    say("shape", height=rgb.shape[0], width=rgb.shape[1])
    write(frames, rgb, 0.0, say)
    if cut:
        say("cut")


def opened(content: bytes, limits: Limits) -> Image.Image:
    """The picture with its header read and no pixel decoded.

    Raises:
        Refused: it has too many pixels.
    """
    # Pillow would look for a format that is not registered in files that can no longer be opened.
    image = Image.open(io.BytesIO(content), formats=[name for name in FORMATS if name in Image.OPEN])
    check_size(image, limits)
    return image


def check_size(image: Image.Image, limits: Limits) -> None:
    """Raise `Refused` for too many pixels."""
    if image.width * image.height > limits.max_pixels:
        raise Refused("pixels", f"{image.width} x {image.height}")


def still(image: Image.Image, content: bytes, limits: Limits) -> tuple[np.ndarray, bool]:
    """(H, W, 3) uint8 RGB, upright, and whether a part of the picture is missing."""
    size = fitting(image.size, limits.picture_side)
    cut = False
    try:
        image.draft(None, size)  # a JPEG can be decoded at a half, a quarter, an eighth
        image.load()
        cut = image.format in ("JPEG", "MPO") and not jpeg_ends(content)
    except (*BROKEN, *BROKEN_TOO):
        cut = True
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        image = opened(content, limits)
        image.draft(None, size)
        image.load()
    flat = flattened(image)
    if flat.size != size:
        flat = flat.resize(size, Image.Resampling.BOX)
    try:
        turn = image.getexif().get(0x0112, 1)
    except (*BROKEN, *BROKEN_TOO):
        turn = 1
    return np.asarray(turned(flat, turn), np.uint8), cut


def turned(image: Image.Image, orientation: object) -> Image.Image:
    """The picture upright, given the orientation that EXIF states (1 to 8)."""
    ways = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    way = ways.get(orientation) if isinstance(orientation, int) else None
    return image if way is None else image.transpose(way)


def flattened(image: Image.Image) -> Image.Image:
    """The same in RGB; transparent pixels show white."""
    if image.mode.startswith("I"):  # 16 bits of grey
        return Image.fromarray(
            (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        ).convert("RGB")
    if image.has_transparency_data:
        paper = Image.new("RGBA", image.size, PAPER)
        return Image.alpha_composite(paper, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def fitting(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height whose longer side is at most `side`."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def jpeg_ends(content: bytes) -> bool:
    """Whether the first picture of a JPEG file has an end: decoders fill what is missing without a word."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        if content[at + 1] == 0xFF:  # padding
            at += 1
        elif content[at + 1] == 0xDA:
            return content.find(b"\xff\xd9", at) >= 0
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return True  # an unusual header: not known to be cut


def write(frames: BinaryIO, rgb: np.ndarray, at: float, say: Callable[..., None]) -> None:
    """Write one frame and report it."""
    frames.write(np.ascontiguousarray(rgb).data)
    frames.flush()
    say("frame", time=at)


class Animation:
    """A moving picture, in two passes: the first reads how long each frame is shown, the second writes."""

    def __init__(self, content: bytes, say: Callable[..., None], limits: Limits) -> None:
        self._content, self._say, self._limits = content, say, limits
        self._budget = Budget(limits)
        self._damaged: float | None = None
        self._slow = False

    def decode(self, frames: BinaryIO) -> bool:
        """Returns False, with nothing written or reported, if there is only one frame that can be read."""
        limits = self._limits
        shown, end = 0, 0.0
        for _, at, lasts in self._walk(Budget(limits, share=0.3)):
            shown, end = shown + 1, at + lasts
        if shown < 2:
            return False
        seconds = limits.max_seconds if self._slow else min(end, limits.max_seconds)
        step = max(1 / limits.frames_per_second, seconds / limits.max_frames)
        self._slow = False
        self._say("kind", kind="video")
        self._say("absent", part="audio", reason="none", detail="")
        until = self._write(frames, step, seconds)
        lost = 0.0 if self._damaged is None else 1.0
        self._say("pictures", until=until, damage=self._damaged, lost=lost)
        if self._slow:
            self._say("slow", time=until)
        elif end > limits.max_seconds:
            self._say("longer")
        return True

    def _write(self, frames: BinaryIO, step: float, seconds: float) -> float:
        """Returns the end of the last frame."""
        limits, size, due, written, until = self._limits, None, 0, 0, 0.0
        for image, at, lasts in self._walk(self._budget):
            if at >= limits.max_seconds or written >= limits.max_frames:
                break
            until = min(at + lasts, limits.max_seconds)
            if at < due * step - 1e-6 and written:
                continue
            if size is None:
                size = fitting(image.size, kept_side(image.size, seconds / step + 1, limits))
                self._say("shape", height=size[1], width=size[0])
            flat = flattened(image)
            rgb = np.asarray(flat if flat.size == size else flat.resize(size, Image.Resampling.BOX), np.uint8)
            write(frames, rgb, at, self._say)
            written, due = written + 1, int(at / step + 1e-6) + 1
        return until

    def _walk(self, budget: Budget) -> Iterator[tuple[Image.Image, float, float]]:
        """Each frame, decoded, with its start and its duration in seconds; not beyond the limit."""
        image = opened(self._content, self._limits)
        number = 1 if getattr(image, "default_image", False) else 0  # a cover that is not shown
        at = 0.0
        while at <= self._limits.max_seconds:
            if budget.spent():
                self._slow = True
                return
            try:
                image.seek(number)
                check_size(image, self._limits)
                image.load()
            except EOFError:
                return
            except (*BROKEN, *BROKEN_TOO):
                self._damaged = at
                return
            lasts = seconds_shown(image.info)
            yield image, at, lasts
            at, number = at + lasts, number + 1


def seconds_shown(info: dict[Any, Any]) -> float:
    """How long a frame is shown."""
    try:
        seconds = float(info.get("duration", 0)) / 1000
    except (TypeError, ValueError):
        seconds = 0.0
    return seconds if TOO_SHORT < seconds < 3600 else USUAL
