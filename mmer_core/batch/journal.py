"""What a batch has done so far, line by line beside its table: after a crash, a kill or a full disk a second
start goes on from there.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

from mmer_core.batch.rows import Row


class Journal:
    """Rows in the file `.<table>.partial`, each written before the next clip is begun.

    Args:
        out: the table that the rows will become.
        about: model and options; rows of a journal that was made otherwise are not used.
    """

    def __init__(self, out: Path, about: Mapping[str, Any]) -> None:
        self.path = out.with_name(f".{out.name}.partial")
        self._about = json.loads(json.dumps(about))
        self.rows: dict[str, Row] = self._read()
        self._file: IO[str] | None = None

    def _read(self) -> dict[str, Row]:
        """{key: row} of a journal that was made alike; a last line that is cut off is left out."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        entries = [entry for line in lines if (entry := _entry(line)) is not None]
        if not entries or entries[0] != {"about": self._about}:
            return {}
        return {entry["key"]: entry["row"] for entry in entries[1:] if "key" in entry}

    def __enter__(self) -> Self:
        """Begin the file anew with the rows that are kept, so that a line that was cut off is gone."""
        draft = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        with draft.open("w", encoding="utf-8") as file:
            file.write(json.dumps({"about": self._about}) + "\n")
            for key, row in self.rows.items():
                file.write(_line(key, row))
        draft.replace(self.path)
        self._file = self.path.open("a", encoding="utf-8")
        return self

    def add(self, key: str, row: Row) -> None:
        """Keep a row.

        Raises:
            OSError: the disk is full, or the folder cannot be written any more.
        """
        assert self._file is not None, "opened with `with`"
        self.rows[key] = row
        self._file.write(_line(key, row))
        self._file.flush()

    def __exit__(self, *error: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # what the disk did not take was told when it was added
                self._file.close()

    def remove(self) -> None:
        """Forget the rows, which are in the table now."""
        self.path.unlink(missing_ok=True)


def _line(key: str, row: Row) -> str:
    return json.dumps({"key": key, "row": row}, ensure_ascii=False) + "\n"


def _entry(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:  # cut off where the process was killed
        return None
    return found if isinstance(found, dict) else None
