"""Big-endian WAV (RIFX), which FFmpeg takes for little-endian and turns into noise."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

from mmer_core.config import Limits
from mmer_core.media.decoder.kinds import Refused

PLAIN = {(1, 8), (1, 16), (1, 24), (1, 32), (3, 32), (3, 64)}  # (coding, bits): PCM and floating point
MARGIN = 1.0  # seconds kept beyond the limit, so that it is noticed that there is more


def as_riff(file: BinaryIO, limits: Limits) -> BinaryIO:
    """The same sound as an ordinary WAV file; any other file as it is.

    Raises:
        Refused: a RIFX file whose samples cannot be found.
    """
    file.seek(0)
    if file.read(12)[:4] != b"RIFX":
        return file
    form = b""
    while len(chunk := file.read(8)) == 8:
        name, size = chunk[:4], int.from_bytes(chunk[4:], "big")
        if name == b"fmt " and 16 <= size <= 64:
            form = file.read(size + size % 2)[:16]
        elif name == b"data" and len(form) == 16:
            return _swapped(file, form, size, limits)
        else:
            file.seek(size + size % 2, io.SEEK_CUR)
    raise Refused("damaged", "")


def _swapped(file: BinaryIO, form: bytes, size: int, limits: Limits) -> BinaryIO:
    coding, channels, rate, _, block, bits = struct.unpack(">HHIIHH", form)
    if (coding, bits) not in PLAIN or not channels or block != channels * bits // 8:
        raise Refused("damaged", "")
    most = int((limits.max_seconds + MARGIN) * rate) * block
    body = file.read(min(size, most, limits.held_bytes))
    width = bits // 8
    body = body[: len(body) // width * width]
    swapped = bytearray(len(body))
    for place in range(width):
        swapped[place::width] = body[width - 1 - place :: width]
    header = struct.pack("<HHIIHH", coding, channels, rate, min(rate * block, 2**32 - 1), block, bits)
    parts = b"WAVEfmt " + struct.pack("<I", 16) + header + b"data" + struct.pack("<I", len(swapped))
    return io.BytesIO(b"RIFF" + struct.pack("<I", len(parts) + len(swapped)) + parts + swapped)
