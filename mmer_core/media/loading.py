"""From files, uploads and words to `Clip`s. Files are untrusted: a child process with limits decodes them
(see `decoding`).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from mmer_core.clip import Clip
from mmer_core.clock import clock
from mmer_core.config import Limits
from mmer_core.labels import Modality
from mmer_core.media import decoding, formats
from mmer_core.media.decoder import DISK_FULL
from mmer_core.media.decoder.kinds import picture_kind
from mmer_core.media.decoder.result import Decoded, read_result
from mmer_core.media.file_checks import (
    MediaError,
    NoRoom,
    check_file,
    check_something,
    display_name,
    in_bytes,
    opened,
)

__all__ = [
    "DEFAULT_LIMITS",
    "MediaError",
    "display_name",
    "load_clip",
    "load_upload",
    "stretch_digest",
    "text_clip",
]

DEFAULT_LIMITS = Limits()
BLOCK = 2**20  # bytes


def load_clip(
    path: str | Path,
    *,
    name: str | None = None,
    text: str | None = None,
    start: float | None = None,
    end: float | None = None,
    digest: str = "",
    limits: Limits = DEFAULT_LIMITS,
) -> Clip:
    """Decode a video, sound or picture, told apart by content.

    A child process decodes, under limits on memory, processor time and the clock, and without the right to
    open any file or connection; where the system knows no such limits (Windows) only the clock holds. The
    readable part of a damaged file is returned, with a note.

    Args:
        path: the file.
        name: the name to show; the file's own by default.
        text: the words that are spoken in it, if known.
        start: of the stretch of a video or sound that is wanted, seconds; None: the beginning.
        end: of the stretch, seconds; None: the end, or `Limits.max_seconds` after the start.
        digest: sha256 of the file where it is known; else the file is read through once more for it.
        limits: bounds on the cost of decoding.

    Returns:
        The clip; `absent` says why it has no frames, waveform or text, where that is final. Times in it are
        counted from its own start.

    Raises:
        MediaError: the file, or the stretch of it, holds nothing that can be used; one sentence says why and
            what to do.
        ValueError: an end that is not after the start.
    """
    path = Path(path)
    shown = display_name(path.name if name is None else name)
    check_file(path, shown, limits)
    words, notes = _words(text, limits)
    if start is None and end is None:
        decoded, digest, ours = decode(path, shown, limits, digest=digest)
        check_something(decoded, shown, ours, limits)
    else:
        decoded, digest = _stretch(path, shown, (start or 0.0, end), digest, limits)
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
        start=start or 0.0,
        whole=decoded.promised,
    )


def _stretch(
    path: Path, shown: str, span: tuple[float, float | None], digest: str, limits: Limits
) -> tuple[Decoded, str]:
    """What is found from one time of a file to another, and its digest."""
    start, end = span
    if start < 0 or (end is not None and end <= start):
        raise ValueError(
            f"from {start:g} to {end if end is None else format(end, 'g')} s is no stretch of time"
        )
    with opened(path, shown) as file:
        if picture_kind(file.read(16)):
            raise MediaError(f"{shown} is a picture, which has no stretch of time: leave start and end out")
        file.seek(0)
        digest = digest or hashlib.file_digest(file, "sha256").hexdigest()
    longest = limits.max_seconds if end is None else min(end - start, limits.max_seconds)
    own = replace(limits, max_seconds=longest)
    found, _, ours = decode(path, shown, own, start=start)
    if start > 0 and found.frames is None and found.waveform is None and found.refused is None:
        ends = f", it ends at {clock(found.promised)}" if found.promised else ""
        raise MediaError(f"{shown} has nothing after {clock(start)}{ends}: begin earlier")
    check_something(found, shown, ours, limits)
    found = replace(found, duration=min(found.duration, longest), notes=_stretch_notes(found, span, limits))
    return found, stretch_digest(digest, start, end)


def _stretch_notes(found: Decoded, span: tuple[float, float | None], limits: Limits) -> tuple[str, ...]:
    """The notes of a stretch: which one it is, and what is amiss in it."""
    start, end = span
    until = start + min(found.duration, limits.max_seconds)
    notes = [f"this is the stretch from {clock(start)} to {clock(until)} of the file"]
    if found.longer and (end is None or end - start > limits.max_seconds):
        notes.append(f"only the first {limits.max_seconds:g} s of the stretch were used")
    return (*notes, *(note for note in found.notes if not note.startswith("only the first")))


def stretch_digest(digest: str, start: float, end: float | None) -> str:
    """`Clip.digest` of a stretch, seconds, of the file with this digest; that of no other stretch."""
    to = "" if end is None else f"{end:.3f}"
    return hashlib.sha256(f"{digest} from {start:.3f} to {to}".encode()).hexdigest()


def decode(
    path: Path, shown: str, limits: Limits, *, start: float | None = None, track: int = 0, digest: str = ""
) -> tuple[Decoded, str, bool]:
    """What the decoding process finds in a checked file, its digest (see `decoding.run`), and whether it
    begins like a format that is read here.
    """
    with _scratch_folder() as folder:
        outputs = folder / "frames", folder / "sound", folder / "report"
        try:
            with opened(path, shown) as source:
                head = source.read(16)
                status, digest = decoding.run(
                    source, path, outputs, limits, start=start, track=track, digest=digest
                )
        except OSError as error:
            raise MediaError(
                f"{shown} cannot be read ({error.strerror}): check the file and its permissions"
            ) from error
        if status == DISK_FULL:
            raise NoRoom(
                f"{shown} cannot be decoded because the temporary folder is full: free some space "
                "there or set TMPDIR"
            )
        return read_result(*outputs, limits=limits, status=status), digest, formats.is_ours(head)


def load_upload(
    data: bytes | bytearray | memoryview | BinaryIO,
    name: str,
    *,
    text: str | None = None,
    start: float | None = None,
    end: float | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Clip:
    """Decode bytes or an open binary file, which is read from its start, like `load_clip`; nothing is left on
    disk.

    Args:
        data: the content.
        name: the sender's name for it; shown, never used as a path.
        text: the words that are spoken in it, if known.
        start, end: of a stretch, as for `load_clip`.
        limits: bounds on the cost of decoding.

    Raises:
        MediaError, ValueError: as for `load_clip`.
    """
    with _scratch_folder() as folder:
        path = folder / "upload"
        try:
            with path.open("wb") as file:
                for block in _blocks(data):
                    if file.tell() + len(block) > limits.max_bytes:
                        raise MediaError(
                            f"{display_name(name)} is larger than {in_bytes(limits.max_bytes)}: cut or "
                            "compress it"
                        )
                    file.write(block)
        except OSError as error:
            reason = "is full" if error.errno == errno.ENOSPC else f"cannot be written ({error.strerror})"
            raise NoRoom(
                f"{display_name(name)} cannot be read because the temporary folder {reason}: free "
                "some space there or set TMPDIR"
            ) from error
        return load_clip(path, name=name, text=text, start=start, end=end, limits=limits)


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
        raise NoRoom(
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
    while block := data.read(BLOCK):
        yield block
