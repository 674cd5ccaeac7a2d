"""The journal of a batch whose table goes to a URL, where nothing can be appended to: small files that are
each written once.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any, Self

from mmer_core.batch.journal import SUFFIX, entries_of, line_of
from mmer_core.batch.urls import filesystem, told

ROWS, SECONDS = 200, 10.0  # a shard is written after so many rows, or so long after the one before


class ShardedJournal:
    """What is done, in the folder `.<table>.partial` beside the table, in shards of lines.

    A kill loses what is not yet in a shard: the rows of the last `SECONDS`, which are read again.

    Args:
        out: URL of the table that it will become.
        about: model and options; shards that were made otherwise are not used, and removed.

    Attributes:
        rows: {key: what was kept, as JSON}.

    Raises:
        ValueError: nothing that is installed knows such URLs.
        OSError: what is there cannot be read.
    """

    def __init__(self, out: str, about: Mapping[str, Any]) -> None:
        self._url = out
        self._system, path = filesystem(out)
        folder, _, name = path.rpartition("/")
        self._folder = f"{folder}/.{name}{SUFFIX}"
        self._about = json.loads(json.dumps(about))
        self._others: list[str] = []  # shards that were made otherwise
        self._fresh: dict[str, Any] = {}
        self._written = time.monotonic()
        self.rows: dict[str, Any] = self._read()

    def _read(self) -> dict[str, Any]:
        rows: dict[str, Any] = {}
        with self._told("read"):
            shards = sorted(self._system.find(self._folder)) if self._system.exists(self._folder) else []
            for shard in shards:
                found = entries_of(self._system.cat_file(shard).decode(errors="replace"), self._about)
                if found is None:
                    self._others.append(shard)
                rows |= found or {}
        return rows

    def _told(self, what: str) -> Any:
        return told(f"the journal beside {self._url}", what, "check the rights there, and start again")

    def __enter__(self) -> Self:
        """Begin; shards that were made otherwise are removed."""
        with self._told("written"):
            for shard in self._others:
                self._system.rm_file(shard)
            if not self._system.exists(self._folder):
                self._system.makedirs(self._folder, exist_ok=True)
        return self

    def add(self, key: str, row: Any) -> None:
        """Keep something that JSON can hold.

        Raises:
            OSError: it cannot be written; one sentence says so.
        """
        self.rows[key] = self._fresh[key] = row
        if len(self._fresh) >= ROWS or time.monotonic() - self._written >= SECONDS:
            self._write()

    def _write(self) -> None:
        if not self._fresh:
            return
        lines = [json.dumps({"about": self._about}) + "\n", *(line_of(*item) for item in self._fresh.items())]
        with self._told("written"):
            self._system.pipe_file(f"{self._folder}/{uuid.uuid4().hex}.jsonl", "".join(lines).encode())
        self._fresh, self._written = {}, time.monotonic()

    def __exit__(self, *error: object) -> None:
        """Write what is left, also after an error or Ctrl-C."""
        self._write()

    def remove(self) -> None:
        """Forget what was kept, which is in the table now."""
        with self._told("removed"):
            if self._system.exists(self._folder):
                self._system.rm(self._folder, recursive=True)
