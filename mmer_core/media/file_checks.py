"""What is checked of an untrusted file before and after it is decoded, each refusal in one sentence."""

from __future__ import annotations

import stat
from io import BufferedReader
from pathlib import Path

from mmer_core.config import Limits
from mmer_core.labels import Modality
from mmer_core.media import formats
from mmer_core.media.decoder.reasons import ABSENT_SOUND
from mmer_core.media.decoder.result import Decoded

MEGABYTE = 2**20
NAME_LENGTH = 80


class MediaError(Exception):
    """Nothing of an input can be used; the message is one sentence that says why and what to do next."""


class NoRoom(MediaError):
    """The temporary folder is full or cannot be used, which is not the file's fault: no other can be read."""


def display_name(name: str) -> str:
    """A file's name made safe to show: no separators, no control or direction characters, at most 80
    characters ("../a.mp4" -> ".._a.mp4").
    """
    safe = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in name).strip()
    if len(safe) > NAME_LENGTH:
        safe = f"{safe[: NAME_LENGTH - 20]}…{safe[-19:]}"
    return safe or "clip"


def check_file(path: Path, shown: str, limits: Limits) -> None:
    """Refuse what is not a file of a size that can be read, before anything opens it (opening a pipe would
    wait for ever).
    """
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:
        raise MediaError(f"{shown} cannot be found: check the path") from error
    if stat.S_ISDIR(facts.st_mode):
        raise MediaError(f"{shown} is a folder: choose a file")
    if not stat.S_ISREG(facts.st_mode):
        raise MediaError(f"{shown} is not an ordinary file: choose a video, sound or picture")
    if facts.st_size == 0:
        raise MediaError(f"{shown} is empty: choose another file")
    if facts.st_size > limits.max_bytes:
        raise MediaError(
            f"{shown} has {in_bytes(facts.st_size)}, the limit is {in_bytes(limits.max_bytes)}: cut or "
            "compress it"
        )


def in_bytes(count: int) -> str:
    """A size for people: "700 MB", "2 GB"."""
    megabytes = round(count / MEGABYTE)
    return f"{megabytes} MB" if megabytes < 1024 else f"{count / MEGABYTE / 1024:.3g} GB"


def check_something(decoded: Decoded, shown: str, ours: bool, limits: Limits) -> None:
    """Raise MediaError if there is neither picture nor sound."""
    if decoded.frames is not None or decoded.waveform is not None:
        return
    if decoded.slow:
        raise MediaError(
            f"{shown} could not be decoded within {limits.wall_seconds:g} s: cut it, or export it as "
            "mp4 or wav"
        )
    if decoded.refused == "pixels":
        raise MediaError(
            f"{shown} has {decoded.detail} pixels, the limit is {limits.max_pixels / 1e6:g} million: "
            "make it smaller"
        )
    if decoded.refused == "bytes":
        raise MediaError(f"{shown} is a picture of more than {decoded.detail}: make it smaller")
    if decoded.refused == "format" and not ours:
        raise MediaError(f"{shown} is not a video, sound or picture that can be read: use {formats.KINDS}")
    if decoded.refused is not None or decoded.crashed:
        raise MediaError(
            f"{shown} is damaged or incomplete and nothing in it can be read: record, copy or export it again"
        )
    if decoded.kind == "audio" and decoded.absent.get(Modality.AUDIO) == ABSENT_SOUND["empty"]:
        raise MediaError(f"{shown} cannot be used because it holds no sound: choose another file")
    reasons = " and ".join(dict.fromkeys(decoded.absent.values())) or "it holds neither picture nor sound"
    raise MediaError(
        f"{shown} cannot be used because {reasons}: export it as mp4 or wav, or choose another file"
    )


def opened(path: Path, shown: str) -> BufferedReader:
    """The file, opened.

    Raises:
        MediaError: it cannot be.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise MediaError(
            f"{shown} cannot be read ({error.strerror}): check the file and its permissions"
        ) from error
