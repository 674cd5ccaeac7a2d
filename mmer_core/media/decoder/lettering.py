"""Boxes, labels and captions drawn on a picture. What is drawn is text of people and of recognisers: fonts
draw what they have, and what none has is counted.

Fonts are read into memory at once: later the process can open no file.
"""

from __future__ import annotations

import contextlib
import io
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

#: Looked for where the system keeps fonts, in this order; the first that has all letters of a text draws it.
FONTS = (
    "DejaVuSans.ttf",
    "NotoSans-Regular.ttf",
    "NotoSansCJK-Regular.ttc",
    "NotoSansDevanagari-Regular.ttf",
    "NotoSansArabic-Regular.ttf",
    "Arial Unicode.ttf",
    "arial.ttf",
    "msyh.ttc",
    "Nirmala.ttf",
    "PingFang.ttc",
)
MOST_FONT = 64 * 2**20  # bytes of a font
NOWHERE = "\U0010ffff"  # no font has a letter for it
LABEL, CAPTION = 26, 19  # lines of text that would fill the shorter side
LEAST = 13  # pixels of a letter's height
WIDE = 0.92  # share of the width that a caption takes at most
DIM = 0.3  # of the picture shows through behind a caption
KEPT = 96  # drawn texts
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
Colour = tuple[int, int, int]  # red, green, blue
Rectangle = tuple[int, int, int, int]  # left, top, right, bottom, pixels


class Fonts:
    """The fonts of this machine that are needed for some texts.

    Args:
        texts: all that will be drawn.

    Attributes:
        missing: different letters in `texts` that no font has.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._files: list[bytes | None] = []
        letters = {c for text in texts for c in text if not c.isspace()}
        left = set(letters)
        for content in (*map(_content, FONTS), None):  # None: the one that comes with Pillow
            if content != b"" and (left or not self._files):
                self._files.append(content)
                left -= self._has(len(self._files) - 1, left)
        self.missing = len(left)
        self.mask("Ab", 20, 100)  # what draws loads its own parts on first use

    @lru_cache(maxsize=64)  # noqa: B019 - one object for the life of the process
    def _font(self, place: int, size: int) -> Font:
        content = self._files[place]
        if content is None:
            return ImageFont.load_default(size)
        return ImageFont.truetype(io.BytesIO(content), size)

    def _has(self, place: int, letters: Iterable[str]) -> set[str]:
        """Those of the letters that a font has."""
        font = self._font(place, 20)
        nothing = _shape(font, NOWHERE)
        return {letter for letter in letters if _shape(font, letter) != nothing}

    @lru_cache(maxsize=4096)  # noqa: B019 - one object for the life of the process
    def _place(self, text: str) -> int:
        letters = {c for c in text if not c.isspace()}
        return max(range(len(self._files)), key=lambda place: (len(self._has(place, letters)), -place))

    def mask(self, text: str, size: int, width: int) -> np.ndarray:
        """(H, W) uint8: the text in lines that are no wider than `width` pixels where words are shorter."""
        font = self._font(self._place(text), size)
        lines = _lines(text, font, width)
        step, edge = round(1.3 * size), max(size // 3, 3)
        wide = max(round(max(font.getlength(line) for line in lines)), 1) + 2 * edge
        image = Image.new("L", (wide, step * len(lines) + edge))
        draw = ImageDraw.Draw(image)
        for i, line in enumerate(lines):
            draw.text(((wide - font.getlength(line)) / 2, edge // 2 + i * step), line, 255, font=font)
        return np.asarray(image)


def _content(name: str) -> bytes:
    """A font file; b"" where there is none."""
    with contextlib.suppress(OSError):
        path = Path(str(ImageFont.truetype(name, 10).path))
        if path.stat().st_size <= MOST_FONT:
            return path.read_bytes()
    return b""


def _shape(font: Font, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)


def _lines(text: str, font: Font, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and font.getlength(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


class Lettering:
    """Draws on pictures of one size.

    Args:
        fonts: for all texts.
        shape: height and width of the pictures.
    """

    def __init__(self, fonts: Fonts, shape: tuple[int, int]) -> None:
        self._fonts, self._shape = fonts, shape
        side = min(shape)
        self._label, self._caption = max(side // LABEL, LEAST), max(side // CAPTION, LEAST)
        self._line = max(2, round(side / 150))
        self._masks: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()

    def people(
        self, picture: np.ndarray, seen: Sequence[tuple[Sequence[float], str, tuple[Colour, Colour]]]
    ) -> None:
        """Draw a box and a label for each person.

        Args:
            picture: (H, W, 3) uint8 RGB, changed in place.
            seen: box (x0, y0, x1, y1 as shares of width and height), label, and the colours of box
                and text, of each.
        """
        height, width = self._shape
        boxes = [
            (round(x0 * width), round(y0 * height), round(x1 * width), round(y1 * height))
            for (x0, y0, x1, y1), _, _ in seen
        ]
        for box, (_, _, colours) in zip(boxes, seen, strict=True):
            self._box(picture, box, colours[0])
        taken: list[Rectangle] = []
        for box, (_, text, colours) in zip(boxes, seen, strict=True):
            mask = self._mask(text, self._label, width)
            place = self._free(box, mask.shape, taken)
            taken.append(place)
            _blend(picture, place, mask, colours, 0.0)

    def caption(self, picture: np.ndarray, text: str) -> None:
        """Draw a text at the bottom, white on dark."""
        height, width = self._shape
        mask = self._mask(text, self._caption, round(WIDE * width))
        high, wide = mask.shape
        top = max(height - high - max(height // 30, 4), 0)
        left = max((width - wide) // 2, 0)
        _blend(picture, (left, top, left + wide, top + high), mask, ((0, 0, 0), (255, 255, 255)), DIM)

    def _box(self, picture: np.ndarray, box: Rectangle, colour: Colour) -> None:
        """A frame in the colour, with a dark and a light rim, to be seen on any ground."""
        left, top, right, bottom = box
        for out, ink in ((1, (0, 0, 0)), (0, colour)):
            line = self._line + 2 * out
            a, b, c, d = left - out, top - out, right + out, bottom + out
            for x0, y0, x1, y1 in (
                (a, b, c, b + line),
                (a, d - line, c, d),
                (a, b, a + line, d),
                (c - line, b, c, d),
            ):
                picture[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = ink

    def _free(self, box: Rectangle, shape: tuple[int, ...], taken: Sequence[Rectangle]) -> Rectangle:
        """Where a label goes: above its box, below or in it, not over another one where there is room."""
        high, wide = shape[:2]
        left = min(max(box[0], 0), max(self._shape[1] - wide, 0))
        tops = [box[1] - high, box[3], box[1]]
        inside = [t for t in tops if 0 <= t <= self._shape[0] - high] or [
            max(min(box[1], self._shape[0] - high), 0)
        ]
        places = [(left, top, left + wide, top + high) for top in inside]
        return next((p for p in places if not any(_meet(p, other) for other in taken)), places[0])

    def _mask(self, text: str, size: int, width: int) -> np.ndarray:
        key = (text, size)
        if key not in self._masks:
            self._masks[key] = self._fonts.mask(text, size, width)
            while len(self._masks) > KEPT:
                self._masks.popitem(last=False)
        self._masks.move_to_end(key)
        return self._masks[key]


def _meet(a: Rectangle, b: Rectangle) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _blend(
    picture: np.ndarray,
    place: Rectangle,
    mask: np.ndarray,
    colours: tuple[Colour, Colour],
    through: float,
) -> None:
    """Text on a ground in these colours, (ground, text); so much of the picture shows through the ground."""
    left, top, right, bottom = place
    part = picture[top:bottom, left:right]
    alpha = mask[: part.shape[0], : part.shape[1], None].astype(np.float32) / 255
    ground, ink = (np.array(colour, np.float32) for colour in colours)
    under = part * through + ground * (1 - through)
    part[:] = (under * (1 - alpha) + ink * alpha).astype(np.uint8)
