"""Opening an untrusted file by its content alone."""

from __future__ import annotations

from typing import BinaryIO

import av
from av.container import InputContainer

from mmer_core.config import Limits
from mmer_core.media.decoder.kinds import Refused

# Only files that stand alone. Playlists and image sequences, which open further files or the network, are not
# among them.
FORMATS = {"mov", "matroska", "avi", "flv", "asf", "mpegts"} | {
    *("wav", "flac", "mp3", "ogg", "aac", "aiff", "au", "caf")
}


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
