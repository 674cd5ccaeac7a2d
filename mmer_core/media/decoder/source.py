"""Opening an untrusted file by its content alone."""

from __future__ import annotations

import struct
from typing import BinaryIO

import av
from av.container import InputContainer

from mmer_core.config import Limits
from mmer_core.media.decoder.stream import main_stream

PICTURE_FORMATS = {"jpeg_pipe", "png_pipe", "webp_pipe", "bmp_pipe", "gif", "apng"}
# Only files that stand alone. Playlists and image sequences, which open further files or the network, are not
# among them.
FORMATS = {"mov", "matroska", "avi", "wav", "flac", "mp3", "ogg", "aac"} | PICTURE_FORMATS


class Refused(Exception):
    """The file as a whole is not decoded; the arguments are reason and detail of the event "refused"."""


def open_source(file: BinaryIO, limits: Limits, **options: str) -> InputContainer:
    """Open from the first byte on; the file's name is not known here.

    Raises:
        Refused: no format of ours.
    """
    file.seek(0)
    options = {
        "max_pixels": str(limits.max_pixels),
        **options,
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(sorted(FORMATS)),
    }
    try:
        return av.open(file, "r", options=options, metadata_errors="replace")
    except (av.FFmpegError, ValueError) as error:
        raise Refused("format", "") from error


def picture_size(file: BinaryIO, limits: Limits) -> tuple[int, int]:
    """Width and height that the header states, without decoding; 0 and 0 if that cannot be told."""
    file.seek(0)
    head = file.read(24)
    if head.startswith(b"\x89PNG") and len(head) == 24:
        width, height = struct.unpack(">II", head[16:])
        return width, height
    with open_source(file, limits, max_pixels=str(2**31 - 1), skip_frame="all") as container:
        stream, _ = main_stream(container.streams.video)
        return (0, 0) if stream is None else (stream.codec_context.width, stream.codec_context.height)
