"""Features that come with a corpus, named by locators and read one at a time, so memory stays small.

A locator is a path below the corpus's folder: `clips/a.npy` is an array, `features.zip!/clips/a.npy` an array
in an archive, and `face_action_units.csv!/01-01-03-01-01-01-07` the row of that name in a table of OpenFace
action units.
"""

from __future__ import annotations

import hashlib
import io
import tokenize
import zipfile
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from mmer_core.clip import Absent
from mmer_core.corpora.files import DAMAGED_ZIP, member_name, packing, relative_path, unreadable
from mmer_core.corpora.manifest import CorpusError

if TYPE_CHECKING:
    import pandas as pd

INSIDE = "!/"
#: The largest array read, bytes unpacked: an hour of 2048-d frames at 4 Hz is 118 MB. Larger ones are taken
#: for archive bombs.
MAX_BYTES = 256 * 2**20
#: What numpy raises for the header of an array, a Python literal, where it is none, and where it is nested.
_BROKEN_HEADER = (ValueError, KeyError, SyntaxError, EOFError, TypeError, AttributeError, tokenize.TokenError)
_NESTED_HEADER = (RecursionError, MemoryError, OverflowError)
_LINK = 0o120000  # file type of a symbolic link in a zip member's Unix mode


class FeatureFiles:
    """Reads the features of one corpus; keeps archives and tables open until closed. Use one per process."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._archives: dict[str, Archive] = {}
        self._tables: dict[str, pd.DataFrame] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the archives that were opened."""
        for archive in self._archives.values():
            archive.close()
        self._archives.clear()
        self._tables.clear()

    def read(self, locator: str) -> np.ndarray:
        """The features behind a locator: (T, D) float32, finite, T >= 1; a vector has T = 1.

        Raises:
            Absent: missing, damaged, of a wrong shape or not finite; the message says which.
            CorpusError: the archive or table as a whole cannot be opened.
        """
        container, _, member = locator.partition(INSIDE)
        if container.endswith(".csv") and member:
            return _as_frames(self._row(container, member), member)
        return _as_frames(_array(self._bytes(container, member), member or container), member or container)

    def size(self, locator: str) -> tuple[int, int]:
        """(bytes, checksum or 0), cheap to get: two locators of equal content have equal sizes."""
        container, _, member = locator.partition(INSIDE)
        if container.endswith(".csv") and member:
            return 0, 0
        return self.archive(container).size(member) if member else ((self.root / container).stat().st_size, 0)

    def digest(self, locator: str) -> str:
        """sha256 of the stored array; raises like `read`."""
        container, _, member = locator.partition(INSIDE)
        row = container.endswith(".csv") and member
        return hashlib.sha256(
            self._row(container, member).tobytes() if row else self._bytes(container, member)
        ).hexdigest()

    def archive(self, name: str) -> Archive:
        """The archive of that name, opened once.

        Raises:
            CorpusError: it is missing, cut off or no zip archive.
        """
        if name not in self._archives:
            self._archives[name] = Archive(self.root / name)
        return self._archives[name]

    def action_units(self, name: str) -> pd.DataFrame:
        """A table of OpenFace action units: index the column `name`, columns AU##_r (intensity) and AU##_c
        (presence), float64.
        """
        if name not in self._tables:
            self._tables[name] = _read_action_units(self.root / name)
        return self._tables[name]

    def _row(self, container: str, member: str) -> np.ndarray:
        table = self.action_units(container)
        if member not in table.index:
            raise Absent(f"{container} has no row {member}")
        return table.loc[member].to_numpy(dtype=np.float64)

    def _bytes(self, container: str, member: str) -> bytes:
        if member:
            return self.archive(container).read(member)
        try:
            file = self.root / relative_path(self.root, container)
        except ValueError as error:
            raise Absent(str(error)) from error
        reason = unreadable(file)
        if not reason and file.stat().st_size > MAX_BYTES:
            reason = f"{container} is larger than {MAX_BYTES >> 20} MB"
        if reason:
            raise Absent(reason)
        return file.read_bytes()


class Archive:
    """A zip archive that is only ever read member by member, never unpacked to disk."""

    def __init__(self, file: Path) -> None:
        self.name = file.name
        try:
            self._zip = zipfile.ZipFile(file)
        except FileNotFoundError as error:
            raise CorpusError(f"{file} is missing: put the feature archive there") from error
        except DAMAGED_ZIP as error:
            reason = str(error) or type(error).__name__
            raise CorpusError(
                f"{file} is cut off or is not a zip archive ({reason}): download or pack it again"
            ) from error
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            try:
                self._members[member_name(info.filename)] = info
            except ValueError:
                continue  # it can be named by no locator, so it is never read

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def __contains__(self, member: str) -> bool:
        return member in self._members

    def size(self, member: str) -> tuple[int, int]:
        """(unpacked bytes, CRC-32) of one member; KeyError if there is none."""
        info = self._members[member]
        return info.file_size, info.CRC

    def read(self, member: str) -> bytes:
        """The unpacked bytes of one member; raises Absent."""
        info = self._members.get(member)
        if info is None:
            raise Absent(f"{member} is missing from {self.name}")
        if (info.external_attr >> 16) & 0o170000 == _LINK:
            raise Absent(f"{member} is a link, not an array")
        if info.file_size > MAX_BYTES:
            raise Absent(
                f"{member} unpacks to {info.file_size >> 20} MB, more than the {MAX_BYTES >> 20} MB "
                "an array may have"
            )
        if reason := packing(info):
            raise Absent(f"{member} {reason}")
        try:
            return self._zip.read(info)
        except DAMAGED_ZIP as error:
            raise Absent(f"{member} is damaged ({error or type(error).__name__})") from error


def _array(data: bytes, name: str) -> np.ndarray:
    """The array in a .npy file, its header checked against its length first, so a lying header cannot ask for
    memory.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(stream)
    except (*_BROKEN_HEADER, *_NESTED_HEADER) as error:
        raise Absent(f"{name} is not a .npy array, or its start is damaged") from error
    if dtype.kind not in "fiu":
        raise Absent(f"{name} holds {dtype}, not numbers")
    expected, there = int(np.prod(shape, dtype=object)) * dtype.itemsize, len(data) - stream.tell()
    if there != expected:
        raise Absent(
            f"{name} is cut off: {there} of {expected} bytes are there"
            if there < expected
            else f"{name} is longer than its header says"
        )
    stream.seek(0)
    return np.load(stream, allow_pickle=False)


def _as_frames(array: np.ndarray, name: str) -> np.ndarray:
    """(T, D) float32 from a vector or a sequence; raises Absent."""
    if array.ndim not in (1, 2):
        raise Absent(f"{name} has the shape {array.shape}: a vector or a sequence of vectors is needed")
    if array.size == 0:
        raise Absent(f"{name} is empty")
    with np.errstate(over="ignore"):
        frames = np.ascontiguousarray(np.atleast_2d(array), dtype=np.float32)
    wrong = int(np.size(frames) - np.isfinite(frames).sum())
    if wrong:
        raise Absent(f"{name} holds {wrong} values that are not finite numbers")
    return frames


def _read_action_units(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        if file.stat().st_size > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES >> 20} MB")
        with file.open(encoding="utf-8-sig") as stream:
            separator = ";" if ";" in stream.readline() else ","
        table = pd.read_csv(file, sep=separator, encoding="utf-8-sig", dtype={"name": str})
    except FileNotFoundError as error:
        raise CorpusError(f"{file} is missing: put the table of action units there") from error
    except (ValueError, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CorpusError(f"{file} is not a table of action units ({reason})") from error
    columns = [c for c in table.columns if str(c).startswith("AU")]
    if "name" not in table or not columns:
        raise CorpusError(
            f"{file} is not a table of action units: the columns name and AU01_r, AU02_r... are needed"
        )
    values = table[columns].apply(pd.to_numeric, errors="coerce").set_axis(table["name"], axis="index")
    return values[~values.index.duplicated()]
