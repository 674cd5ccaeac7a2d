"""The content of a zip archive that somebody sent, as numbered files. Archives are hostile until shown
otherwise: sizes are checked before anything is unpacked, and no name in the archive becomes a name on disk.
"""

from __future__ import annotations

import errno
import struct
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mmer_core.corpora.files import DAMAGED_ZIP, member_name, packing
from mmer_core.corpora.manifest import CorpusError, Problem

MEGABYTE = 2**20
_LINK, _KIND = 0o120000, 0o170000  # a symbolic link among the kinds of file in a member's Unix mode
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x06"
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")


@dataclass(frozen=True)
class ArchiveLimits:
    """Bounds on what is unpacked.

    Attributes:
        members: files in the archive.
        member_bytes: of one file, unpacked.
        total_bytes: of all files together, unpacked.
        ratio: unpacked bytes for each packed one, of files over a megabyte; sound and video hardly shrink.
        directory_bytes: of the archive's own list of files, which is read as a whole.
    """

    members: int = 20_000
    member_bytes: int = 200 * MEGABYTE
    total_bytes: int = 2048 * MEGABYTE
    ratio: float = 100.0
    directory_bytes: int = 8 * MEGABYTE


DEFAULT_LIMITS = ArchiveLimits()


class ReceivedArchive:
    """A zip archive whose list of files was checked. Use it as a context manager.

    Args:
        source: the archive, open for reading; can be searched.
        name: to call it by in messages.
        limits: what is refused.

    Raises:
        CorpusError: no zip archive, damaged, empty, or beyond the limits; one sentence says what to do.
    """

    def __init__(self, source: BinaryIO, name: str, limits: ArchiveLimits) -> None:
        self.name, self.limits = name, limits
        self.problems: list[Problem] = []
        if _directory_bytes(source) > limits.directory_bytes:
            raise CorpusError(f"{name} lists too many files: pack at most {limits.members:,} in one archive")
        try:
            self._zip = zipfile.ZipFile(source)
        except DAMAGED_ZIP as error:
            raise CorpusError(f"{name} is cut off or is no zip archive: pack it again as .zip") from error
        self._members = self._checked()
        self._written = 0

    def __enter__(self) -> ReceivedArchive:
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The files that may be read, by their names in the archive with forward slashes, sorted."""
        return tuple(sorted(self._members))

    def read(self, name: str, most: int) -> bytes:
        """The content of a small file.

        Raises:
            CorpusError: it is larger than `most` bytes, or damaged.
        """
        if self._members[name].file_size > most:
            raise CorpusError(f"{name} in {self.name} is larger than {most // MEGABYTE} MB: shorten it")
        return b"".join(self._blocks(name))

    def write(self, name: str, file: Path) -> None:
        """Unpack one file to a path of ours.

        Raises:
            CorpusError: it is damaged, or there is no room for it; nothing is left of it then.
        """
        try:
            with file.open("xb") as target:
                for block in self._blocks(name):
                    target.write(block)
        except OSError as error:
            file.unlink(missing_ok=True)
            full = error.errno == errno.ENOSPC
            reason = "is full" if full else f"cannot be written ({error.strerror})"
            raise CorpusError(
                f"the temporary folder {reason}: free some space there or set TMPDIR"
            ) from error
        except CorpusError:
            file.unlink(missing_ok=True)
            raise

    def _blocks(self, name: str) -> Iterator[bytes]:
        """The content in pieces, counted as they come: the sizes in the list may lie."""
        try:
            with self._zip.open(self._members[name]) as member:
                while block := member.read(MEGABYTE):
                    self._written += len(block)
                    if self._written > self.limits.total_bytes:
                        raise CorpusError(self._too_large())
                    yield block
        except CorpusError:
            raise
        except DAMAGED_ZIP as error:
            raise CorpusError(f"{name} in {self.name} is damaged: pack it again") from error

    def _checked(self) -> dict[str, zipfile.ZipInfo]:
        """{name: member} of those that may be read; the others are put among the problems."""
        # `is_dir` looks at the last letter of a name, which a member need not have
        infos = [info for info in self._zip.infolist() if info.filename and not info.is_dir()]
        if len(infos) > self.limits.members:
            raise CorpusError(
                f"{self.name} holds {len(infos):,} files: pack at most {self.limits.members:,} in one archive"
            )
        if sum(info.file_size for info in infos) > self.limits.total_bytes:
            raise CorpusError(self._too_large())
        found: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            if _hidden(_shown(info.filename)):
                continue
            try:
                name = member_name(info.filename)
            except ValueError:
                self.problems.append(Problem(_shown(info.filename), "its name leads out of the archive"))
                continue
            if reason := self._refused(info, name, found):
                self.problems.append(Problem(_shown(name), reason))
            else:
                found[name] = info
        if not infos:
            raise CorpusError(
                f"{self.name} is empty: pack the clips and, if there is one, their table into it"
            )
        return found

    def _refused(self, info: zipfile.ZipInfo, name: str, found: Collection[str]) -> str:
        """Why a member is not read; "" if it may be."""
        if (info.external_attr >> 16) & _KIND == _LINK:
            return "it is a link, not a file"
        if reason := packing(info):
            return f"it {reason}"
        if PurePosixPath(name).suffix.lower() in _ARCHIVES:
            return "it is an archive in the archive, which is not opened: unpack it before"
        if info.file_size > self.limits.member_bytes:
            return f"it is larger than {self.limits.member_bytes // MEGABYTE} MB"
        packed = max(1, info.compress_size)
        if info.file_size > MEGABYTE and info.file_size / packed > self.limits.ratio:
            return f"it unpacks to {info.file_size / packed:,.0f} times its size, which no clip does"
        return "an earlier file has the same name" if name in found else ""

    def _too_large(self) -> str:
        most = self.limits.total_bytes // MEGABYTE
        return f"{self.name} unpacks to more than {most:,} MB: send it in parts, or name a folder instead"


def _directory_bytes(source: BinaryIO) -> int:
    """Size of the list of files that stands at an archive's end, as that says; 0 where there is no end."""
    source.seek(0, 2)
    length = source.tell()
    source.seek(max(0, length - 2**17))
    tail = source.read()
    source.seek(0)
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 20:
        return 0
    size = int(struct.unpack_from("<L", tail, at + 12)[0])
    large = tail.rfind(_END_64)
    if large >= 0 and len(tail) >= large + 48:
        size = max(size if size != 0xFFFFFFFF else 0, int(struct.unpack_from("<Q", tail, large + 40)[0]))
    return size


def _hidden(name: str) -> bool:
    """Whether a file is the system's, not the person's: `.DS_Store`, `__MACOSX/…`."""
    return any((part.startswith(".") and part.strip(".")) or part == "__MACOSX" for part in name.split("/"))


def _shown(name: str) -> str:
    """A member's name, safe to show and of bounded length."""
    return "".join(c if c.isprintable() else "_" for c in name.replace("\\", "/"))[-200:]
