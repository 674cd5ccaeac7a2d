"""From files, uploads and words to `Clip`s. Files are untrusted: a child process with limits decodes them
(see `decoding`).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mmer_core.clip import Clip
from mmer_core.config import Limits
from mmer_core.labels import Modality
from mmer_core.media import decoding, formats
from mmer_core.media.decoder import DISK_FULL
from mmer_core.media.decoder.reasons import ABSENT_SOUND
from mmer_core.media.decoder.result import Decoded, read_result

__all__ = ["DEFAULT_LIMITS", "MediaError", "display_name", "load_clip", "load_upload", "text_clip"]

DEFAULT_LIMITS = Limits()
MEGABYTE = 2**20
NAME_LENGTH = 80


class MediaError(Exception):
    """Nothing of an input can be used; the message is one sentence that says why and what to do next."""


def load_clip(
    path: str | Path, *, name: str | None = None, text: str | None = None, limits: Limits = DEFAULT_LIMITS
) -> Clip:
    """Decode a video, sound or picture, told apart by content.

    A child process decodes, under limits on memory, processor time and the clock, and without the right to
    open any file or connection; where the system knows no such limits (Windows) only the clock holds. The
    readable part of a damaged file is returned, with a note.

    Args:
        path: the file.
        name: the name to show; the file's own by default.
        text: the words that are spoken in it, if known.
        limits: bounds on the cost of decoding.

    Returns:
        The clip; `absent` says why it has no frames, waveform or text, where that is final.

    Raises:
        MediaError: the file holds nothing that can be used; one sentence says why and what to do.
    """
    path = Path(path)
    shown = display_name(path.name if name is None else name)
    check_file(path, shown, limits)
    decoded, digest, ours = decode(path, shown, limits)
    words, notes = _words(text, limits)
    check_something(decoded, shown, ours, limits)
    absent = dict(decoded.absent)
    if decoded.kind == "picture" and words is None:
        absent[Modality.TEXT] = "a picture has no words"
    return Clip(
        name=shown,
        digest=digest,
        kind=decoded.kind,
        duration=decoded.duration,
        frames=decoded.frames,
        times=decoded.times,
        waveform=decoded.waveform,
        text=words,
        absent=absent,
        notes=decoded.notes + notes,
    )


def decode(
    path: Path, shown: str, limits: Limits, *, start: float | None = None, track: int = 0
) -> tuple[Decoded, str, bool]:
    """What the decoding process finds in a checked file, its digest (see `decoding.run`), and whether it
    begins like a format that is read here.
    """
    with _scratch_folder() as folder:
        outputs = folder / "frames", folder / "sound", folder / "report"
        try:
            with path.open("rb") as source:
                head = source.read(16)
                status, digest = decoding.run(source, path, outputs, limits, start=start, track=track)
        except OSError as error:
            raise MediaError(
                f"{shown} cannot be read ({error.strerror}): check the file and its permissions"
            ) from error
        if status == DISK_FULL:
            raise MediaError(
                f"{shown} cannot be decoded because the temporary folder is full: free some space "
                "there or set TMPDIR"
            )
        return read_result(*outputs, limits=limits, status=status), digest, formats.is_ours(head)


def load_upload(
    data: bytes | bytearray | memoryview | BinaryIO,
    name: str,
    *,
    text: str | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Clip:
    """Decode bytes or an open binary file, which is read from its start, like `load_clip`; nothing is left on
    disk.

    Args:
        data: the content.
        name: the sender's name for it; shown, never used as a path.
        text: the words that are spoken in it, if known.
        limits: bounds on the cost of decoding.

    Raises:
        MediaError: as for `load_clip`.
    """
    with _scratch_folder() as folder:
        path = folder / "upload"
        try:
            with path.open("wb") as file:
                for block in _blocks(data):
                    if file.tell() + len(block) > limits.max_bytes:
                        raise MediaError(
                            f"{display_name(name)} is larger than {limits.max_bytes / MEGABYTE:.0f} "
                            "MB: cut or compress it"
                        )
                    file.write(block)
        except OSError as error:
            reason = "is full" if error.errno == errno.ENOSPC else f"cannot be written ({error.strerror})"
            raise MediaError(
                f"{display_name(name)} cannot be read because the temporary folder {reason}: free "
                "some space there or set TMPDIR"
            ) from error
        return load_clip(path, name=name, text=text, limits=limits)


def text_clip(text: str, *, limits: Limits = DEFAULT_LIMITS) -> Clip:
    """A clip of words alone.

    Raises:
        MediaError: there are no words.
    """
    words, notes = _words(text, limits)
    if words is None:
        raise MediaError("there is no text: type what was said")
    reasons = dict.fromkeys((Modality.AUDIO, Modality.VISUAL), "only words were given")
    return Clip(
        name="text",
        digest=hashlib.sha256(words.encode()).hexdigest(),
        kind="text",
        text=words,
        absent=reasons,
        notes=notes,
    )


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
            f"{shown} has {facts.st_size / MEGABYTE:.0f} MB, the limit is "
            f"{limits.max_bytes / MEGABYTE:.0f} MB: cut or compress it"
        )


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


def _words(text: str | None, limits: Limits) -> tuple[str | None, tuple[str, ...]]:
    """The text without blank ends and invalid characters, up to the limit, and the note about the rest."""
    words = (text or "").encode("utf-8", "replace").decode().strip()
    if len(words) <= limits.max_characters:
        return words or None, ()
    return words[: limits.max_characters], (
        f"only the first {limits.max_characters:,} characters of the text were used",
    )


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A private folder that is gone afterwards, whatever happens."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="mmer-")
    except OSError as error:
        raise MediaError(
            f"the temporary folder cannot be used ({error.strerror}): free some space there or set TMPDIR"
        ) from error
    with folder as name:
        yield Path(name)


def _blocks(data: bytes | bytearray | memoryview | BinaryIO) -> Iterator[bytes | memoryview]:
    if isinstance(data, (bytes, bytearray, memoryview)):
        yield memoryview(data).cast("B")
        return
    if data.seekable():
        data.seek(0)
    while block := data.read(MEGABYTE):
        yield block
