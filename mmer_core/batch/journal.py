"""What a batch has done so far, line by line beside its table: after a crash, a kill or a full disk a second
start goes on from there.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

from mmer_core.json_files import parse_json

SUFFIX = ".partial"
KEY_LETTERS = 16  # of a file's key in the name of its own journal


class Journal:
    """What is done, in the file `.<table>.partial`, each part written before the next is begun.

    Args:
        out: the table that it will become.
        about: model and options; what a journal that was made otherwise holds is not used.

    Attributes:
        path: of the file.
        rows: {key: what was kept, as JSON}.
    """

    def __init__(self, out: Path, about: Mapping[str, Any]) -> None:
        self.path = out.with_name(f".{out.name}{SUFFIX}")
        self._about = json.loads(json.dumps(about))
        self.rows: dict[str, Any] = self._read()
        self._file: IO[str] | None = None

    def _read(self) -> dict[str, Any]:
        """{key: what was kept} of a journal that was made alike; a last line that is cut off is left out."""
        try:
            # cut off where the process was killed, perhaps within a letter
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return {}
        return entries_of(text, self._about) or {}

    def __enter__(self) -> Self:
        """Begin the file anew with the rows that are kept, so that a line that was cut off is gone."""
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            with self._told(), draft.open("w", encoding="utf-8") as file:
                file.write(json.dumps({"about": self._about}) + "\n")
                for key, row in self.rows.items():
                    file.write(line_of(key, row))
            draft.replace(self.path)
        finally:
            draft.unlink(missing_ok=True)
        self._file = self.path.open("a", encoding="utf-8")
        return self

    def add(self, key: str, row: Any) -> None:
        """Keep something that JSON can hold.

        Raises:
            OSError: the disk is full, or the folder cannot be written any more; one sentence says so.
        """
        assert self._file is not None, "opened with `with`"
        self.rows[key] = row
        with self._told():
            self._file.write(line_of(key, row))
            self._file.flush()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OSError(
                f"{self.path} cannot be written ({error.strerror or error}): free some space and start "
                "again; what was read before is kept"
            ) from error

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # what the disk did not take was told when it was added
                self._file.close()

    def remove(self) -> None:
        """Forget what was kept, which is in the table now, of single files as well (see `beside`)."""
        name = glob.escape(self.path.name.removesuffix(SUFFIX))
        for path in (self.path, *self.path.parent.glob(f"{name}.{'[0-9a-f]' * KEY_LETTERS}{SUFFIX}")):
            path.unlink(missing_ok=True)


def beside(out: Path, key: str) -> Path:
    """A table that will not be, beside which what is read of one file of a table `out` can be kept."""
    return out.with_name(f"{out.name}.{key[:KEY_LETTERS]}")


def line_of(key: str, row: Any) -> str:
    """The line of a journal that keeps a row."""
    return json.dumps({"key": key, "row": row}, ensure_ascii=False) + "\n"


def entries_of(text: str, about: Mapping[str, Any]) -> dict[str, Any] | None:
    """{key: what was kept} in the lines of a journal, one that is cut off left out; None where it was made
    otherwise.
    """
    # words may hold other line ends
    entries = [entry for line in text.split("\n") if (entry := _entry(line)) is not None]
    if not entries or entries[0] != {"about": about}:
        return None
    return {entry["key"]: entry["row"] for entry in entries[1:] if "key" in entry}


def _entry(line: str) -> dict[str, Any] | None:
    try:
        found = parse_json(line)
    except ValueError:  # cut off
        return None
    return found if isinstance(found, dict) else None
