"""Damage to a file: bytes changed, cut, moved and taken from another, and headers that lie. What is done
depends on the generator of random numbers alone.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable

from fuzz import seeds

#: whole numbers at the edges of what a field can hold
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
#: names that stand before a size, a count, a rate or a duration
FIELDS = (
    *(b"mvhd", b"tkhd", b"mdhd", b"stsd", b"stts", b"ctts", b"stsc", b"stsz", b"stco", b"elst", b"trun"),
    *(b"tfhd", b"mdat", b"moov", b"ftyp", b"avcC", b"esds", b"ispe", b"iloc", b"iprp", b"meta"),  # boxes
    *(b"avih", b"strh", b"strf", b"fmt ", b"data", b"LIST", b"movi", b"idx1", b"VP8 ", b"VP8X", b"ANMF"),
    *(b"COMM", b"SSND", b"FORM", b"desc", b"pakt", b"kuki", b".snd", b"fLaC", b"OggS", b"OpusHead"),
    *(b"IHDR", b"IDAT", b"acTL", b"fcTL", b"fdAT", b"\xff\xc0", b"\xff\xc2", b"\xff\xda", b"\xff\xe1"),
    *(b"\x2a\xd7\xb1", b"\x44\x89", b"\xb0\x82", b"\xba\x82", b"\x1f\x43\xb6\x75", b"\xa3", b"onMetaData"),
)
MOST = 4 * 2**20  # bytes of a mutated file


def flip_bits(content: bytearray, rng: random.Random) -> None:
    """Turn up to 40 bits."""
    for _ in range(rng.randint(1, 40)):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def set_bytes(content: bytearray, rng: random.Random) -> None:
    """Set up to 16 bytes to anything."""
    for _ in range(rng.randint(1, 16)):
        content[rng.randrange(len(content))] = rng.randrange(256)


def cut(content: bytearray, rng: random.Random) -> None:
    """Leave out the end."""
    del content[rng.randrange(1, len(content) + 1) :]


def leave_out(content: bytearray, rng: random.Random) -> None:
    """Leave out a stretch."""
    start, end = _stretch(content, rng)
    del content[start:end]


def repeat(content: bytearray, rng: random.Random) -> None:
    """Repeat a stretch, up to a thousand times."""
    start, end = _stretch(content, rng)
    times = min(rng.choice((1, 2, 10, 100, 1000)), MOST // max(end - start, 1))
    content[end:end] = bytes(content[start:end]) * times


def blank(content: bytearray, rng: random.Random) -> None:
    """Fill a stretch with one value."""
    start, end = _stretch(content, rng)
    content[start:end] = bytes([rng.choice((0, 0xFF, rng.randrange(256)))]) * (end - start)


def insert(content: bytearray, rng: random.Random) -> None:
    """Put random bytes in between."""
    at = rng.randrange(len(content) + 1)
    content[at:at] = rng.randbytes(rng.choice((1, 2, 3, 4, 16, 300, 5000)))


def splice(content: bytearray, rng: random.Random) -> None:
    """Go on with the end of another file, or put a part of it in."""
    other = seeds.seed(rng.choice(seeds.names()))
    start, end = _stretch(bytearray(other), rng)
    at = rng.randrange(len(content) + 1)
    if rng.random() < 0.5:
        content[at:] = other[start:]
    else:
        content[at : at + end - start] = other[start:end]


def exchange(content: bytearray, rng: random.Random) -> None:
    """Exchange two stretches that follow each other."""
    start, middle = _stretch(content, rng)
    end = rng.randrange(middle, len(content) + 1)
    content[start:end] = content[middle:end] + content[start:middle]


def lie(content: bytearray, rng: random.Random) -> None:
    """Write a number at the edge of its field near the name of a header's part."""
    named = [at for name in FIELDS if (at := content.find(name, rng.randrange(len(content)))) >= 0]
    at = rng.choice(named) + rng.randint(-4, 40) if named else rng.randrange(min(len(content), 120))
    width = rng.choice((1, 2, 4, 4, 8))
    value = (rng.choice(EDGES) + rng.randint(-1, 1)) % 2 ** (8 * width)
    at = min(max(at, 0), max(len(content) - width, 0))
    content[at : at + width] = value.to_bytes(width, rng.choice(("big", "little")))


def lie_soundly(content: bytearray, rng: random.Random) -> None:
    """Lie in the header of a PNG or an Ogg page and put its checksum right, so that it is believed."""
    if content[:4] == b"\x89PNG" and len(content) > 33:
        at = rng.choice((16, 20, 24, 25, 28))
        width = 4 if at < 24 else 1
        content[at : at + width] = (rng.choice(EDGES) % 2 ** (8 * width)).to_bytes(width, "big")
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    else:
        lie(content, rng)
        mend_ogg(content)


def mend_ogg(content: bytearray) -> None:
    """Put the checksum of every Ogg page right."""
    at = content.find(b"OggS")
    while at >= 0 and at + 27 <= len(content):
        end = at + 27 + content[at + 26]
        end += sum(content[at + 27 : end])
        content[at + 22 : at + 26] = bytes(4)
        if end <= len(content):
            content[at + 22 : at + 26] = struct.pack("<I", _ogg_checksum(content[at:end]))
        at = content.find(b"OggS", at + 4)


def _ogg_checksum(page: bytes | bytearray) -> int:
    total = 0
    for byte in page:
        total = ((total << 8) ^ _OGG[(total >> 24) ^ byte]) & 0xFFFFFFFF
    return total


def _ogg_row(value: int) -> int:
    value <<= 24
    for _ in range(8):
        value = ((value << 1) ^ 0x04C11DB7 if value & 0x80000000 else value << 1) & 0xFFFFFFFF
    return value


_OGG = tuple(map(_ogg_row, range(256)))


def _stretch(content: bytearray, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(content))
    return start, min(start + rng.choice((1, 4, 16, 64, 256, 1024, 4096)), len(content))


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    *(flip_bits, set_bytes, cut, leave_out, repeat, blank, insert, splice, exchange),
    *(lie, lie, lie, lie_soundly),
)


def mutated(content: bytes, rng: random.Random, most: int = 4) -> bytes:
    """The file after one mutation or several."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, most)):
        rng.choice(MUTATIONS)(changed, rng)
        del changed[MOST:]
        if not changed:
            changed += b"\0"
    return bytes(changed)
