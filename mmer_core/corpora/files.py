"""Files of a corpus: found, checked without decoding, and never outside the corpus's folder."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from mmer_core.corpora.manifest import CorpusError
from mmer_core.media.formats import AUDIO_SUFFIXES, MEDIA_SUFFIXES, PICTURE_SUFFIXES, VIDEO_SUFFIXES

__all__ = [
    "AUDIO_SUFFIXES",
    "DAMAGED_ZIP",
    "MEDIA_SUFFIXES",
    "PICTURE_SUFFIXES",
    "VIDEO_SUFFIXES",
    "all_files",
    "folder_of",
    "media_files",
    "member_name",
    "packing",
    "relative_path",
    "unreadable",
]

#: What `zipfile` raises for archives that are damaged, made to do harm, or locked.
DAMAGED_ZIP = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError),
    *(ValueError, RuntimeError, NotImplementedError, KeyError, OverflowError),
)


def folder_of(folder: Path) -> Path:
    """The folder itself, links resolved.

    Raises:
        CorpusError: it is not a folder.
    """
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise CorpusError(f"{folder} {what}: name the folder that holds the corpus")
    return folder.resolve()


def relative_path(root: Path, path: str) -> str:
    """`path`, as written in a table, relative to `root` with forward slashes.

    Args:
        root: a resolved folder.

    Raises:
        ValueError: the path leaves the folder (`../`, another disk, a link that points outside); the message
            is a reason without a full stop.
    """
    plain = path.replace("\\", "/").strip()
    if "\x00" in plain:
        raise ValueError(f"the path {path!r} has a character that no file name can have")
    target = Path(os.path.normpath(root / plain))
    if not target.is_relative_to(root):
        raise ValueError(f"{path} leaves the folder {root.name}")
    try:
        real = target.resolve()
    except (OSError, RuntimeError) as error:  # too long a name, a circle of links
        raise ValueError(f"{path} cannot be followed ({error})") from error
    if not real.is_relative_to(root):
        raise ValueError(f"{path} is a link that leaves the folder {root.name}")
    return target.relative_to(root).as_posix()


def member_name(path: str) -> str:
    """A path inside an archive, normalised to forward slashes.

    Raises:
        ValueError: it is absolute or climbs out with `..`.
    """
    plain = path.replace("\\", "/").strip()
    parts = PurePosixPath(plain).parts
    if plain.startswith("/") or ".." in parts or (parts and parts[0].endswith(":")):
        raise ValueError(f"{path} leaves the archive")
    return "/".join(p for p in parts if p != ".")


def packing(info: zipfile.ZipInfo) -> str:
    """Reason why a member of an archive is not unpacked for how it is packed; "" if there is none. Only the
    usual packing is bounded in memory: others may ask for gigabytes to unpack a byte.
    """
    if info.flag_bits & 1:
        return "is locked with a password: pack it without one"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is packed in a way that is not read: pack it as an ordinary zip archive"
    return ""


def unreadable(file: Path) -> str:
    """Reason why a file cannot hold media, from its size and first bytes; "" if there is none."""
    try:
        size = file.stat().st_size
        if not file.is_file():
            return f"{file.name} is not a file"
        if size == 0:
            return f"{file.name} is empty"
        if size < 300 and file.read_bytes().startswith(b"version https://git-lfs"):
            return f"{file.name} is only a Git LFS pointer: run `git lfs pull` in the corpus"
    except FileNotFoundError:
        return f"{file.name} is missing"
    except OSError as error:
        return f"{file.name} cannot be read ({error.strerror})"
    return ""


def media_files(folder: Path, suffixes: Collection[str] = MEDIA_SUFFIXES) -> Iterator[Path]:
    """Every media file below `folder`, in the order of its path; hidden files and macOS's `._` twins are
    passed over.
    """
    return (file for file in all_files(folder) if file.suffix.lower() in suffixes)


def all_files(folder: Path) -> Iterator[Path]:
    """Every file below `folder`, in the order of its path, without hidden ones."""
    for current, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != "__MACOSX")
        yield from (Path(current, name) for name in sorted(names) if not name.startswith("."))
