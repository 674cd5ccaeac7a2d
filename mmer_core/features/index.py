"""The index of a feature store: one SQLite file that says what is stored and where."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.request import EncoderRequest
from mmer_core.features.keys import KnownFile
from mmer_core.labels import Modality
from mmer_core.media.speech import RECOGNISER

INDEX = "index.sqlite"
SCHEMA = 1
LOCK_SECONDS = 120.0  # a writer waits so long for the write lock
_TABLES = """
CREATE TABLE IF NOT EXISTS encoders (
    fingerprint TEXT PRIMARY KEY, name TEXT, dim INTEGER, frames INTEGER, spec TEXT
);
CREATE TABLE IF NOT EXISTS requests (
    request TEXT, encoder TEXT, PRIMARY KEY (request, encoder)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS features (
    encoder TEXT, key TEXT, start INTEGER, length INTEGER, reason TEXT, PRIMARY KEY (encoder, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    encoder TEXT, key TEXT, reason TEXT, PRIMARY KEY (encoder, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, sha256 TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS transcripts (
    recogniser TEXT, recording TEXT, text TEXT, reason TEXT, PRIMARY KEY (recogniser, recording)
) WITHOUT ROWID;
"""


class StoreError(ValueError):
    """A feature store that cannot be used, or lacks what was asked for; the message says what to do."""


class Entry(NamedTuple):
    """Position of one clip's frames; length 0 where the encoder had nothing to read, and then why."""

    start: int
    length: int
    reason: str


class StoredTranscript(NamedTuple):
    """Recognised words of a recording, or "" and the reason why there are none."""

    text: str
    reason: str


class StoreIndex:
    """A connection to the index of one store: encoders, requests, entries, failures, files and transcripts.

    Args:
        folder: of the store.
        create: make the folder and the index if there is none.

    Raises:
        StoreError: there is none, or it cannot be read.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        elif not (folder / INDEX).is_file():
            raise StoreError(
                f"{folder} is no feature store: fill it with mmer extract MANIFEST --store {folder}"
            )
        with self._explained():
            self._connection = sqlite3.connect(folder / INDEX, isolation_level=None, timeout=LOCK_SECONDS)
            if create:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.executescript(_TABLES)
                self._connection.execute(f"PRAGMA user_version = {SCHEMA}")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("PRAGMA trusted_schema = OFF")  # somebody else may have written it
            found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found != SCHEMA:
            raise StoreError(
                f"{folder} has another format (schema {found}) than this version reads ({SCHEMA}): "
                "extract into a new folder"
            )

    def close(self) -> None:
        """Close the connection; nothing can be read or written through it afterwards."""
        self._connection.close()

    def register(self, request: EncoderRequest, spec: EncoderSpec) -> None:
        """Say which encoder answers a request, before features of it are added."""
        with self._transaction():
            row = (spec.fingerprint, spec.name, spec.dim, 0, json.dumps(asdict(spec), sort_keys=True))
            self._write("INSERT OR IGNORE INTO encoders VALUES (?, ?, ?, ?, ?)", [row])
            self._write("INSERT OR IGNORE INTO requests VALUES (?, ?)", [(str(request), spec.fingerprint)])

    def add_failures(self, encoder: str, reasons: Mapping[str, str]) -> None:
        """Note what could not be encoded, {key: reason}; the next extraction tries it again."""
        with self._transaction():
            self._write(
                "INSERT OR REPLACE INTO failures VALUES (?, ?, ?)",
                [(encoder, key, reason) for key, reason in reasons.items()],
            )

    def add_transcripts(self, transcripts: Mapping[str, StoredTranscript]) -> None:
        """Store recognised words, {key of the recording: transcript}, for whatever encoder reads them."""
        if transcripts:
            with self._transaction():
                self._write(
                    "INSERT OR REPLACE INTO transcripts VALUES (?, ?, ?, ?)",
                    [(RECOGNISER, key, *transcript) for key, transcript in transcripts.items()],
                )

    def transcript(self, recording: str) -> StoredTranscript | None:
        """Return the recognised words of a recording; None if it was never transcribed."""
        rows = self._rows(
            "SELECT text, reason FROM transcripts WHERE recogniser = ? AND recording = ?",
            RECOGNISER,
            recording,
        )
        return StoredTranscript(*rows[0]) if rows else None

    def remember(self, files: Mapping[str, KnownFile]) -> None:
        """Store the digests of files, so that they need not be read again as long as they do not change."""
        if files:
            with self._transaction():
                self._write(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)",
                    [(path, *file) for path, file in files.items()],
                )

    def known_files(self) -> dict[str, KnownFile]:
        """{path: digest} of the files that were read so far."""
        rows = self._rows("SELECT path, size, changed, sha256 FROM files")
        return {path: KnownFile(*rest) for path, *rest in rows}

    def entries(self, encoder: str) -> dict[str, Entry]:
        """{key: where its frames are} of one encoder."""
        query = "SELECT key, start, length, reason FROM features WHERE encoder = ?"
        _, frames = self._shape(encoder)
        return {key: self._entry(rest, frames) for key, *rest in self._rows(query, encoder)}

    def failures(self, encoder: str) -> dict[str, str]:
        """{key: reason} of what could not be encoded."""
        return dict(self._rows("SELECT key, reason FROM failures WHERE encoder = ?", encoder))

    def fingerprint(self, request: str) -> str:
        """Return the fingerprint of the encoder behind a request ("minilm", "bert:sequence=yes", or "minilm@"
        and the start of a fingerprint).

        Raises:
            StoreError: it was not extracted, or several encoders answer it (other weights, other settings).
        """
        name, _, start = request.partition("@")
        wanted = str(EncoderRequest.parse(name))
        rows = self._rows("SELECT encoder FROM requests WHERE request = ? ORDER BY encoder", wanted)
        found = [row[0] for row in rows if isinstance(row[0], str) and row[0].startswith(start)]
        if not found:
            rows = self._rows("SELECT DISTINCT request FROM requests ORDER BY request")
            raise StoreError(
                f"{self.folder} holds no features of {request} (it holds "
                f"{', '.join(str(row[0]) for row in rows) or 'nothing'}): run the extract command with this "
                "encoder"
            )
        if len(found) > 1:
            raise StoreError(
                f"{self.folder} holds features of {len(found)} encoders called {wanted}: name one, "
                f"{wanted}@{' or @'.join(found)}"
            )
        return str(found[0])

    def spec(self, encoder: str) -> EncoderSpec:
        """Return the record of an encoder, given its fingerprint.

        Raises:
            StoreError: it is not here, or not such a record.
        """
        rows = self._rows("SELECT spec FROM encoders WHERE fingerprint = ?", encoder)
        try:
            fields = json.loads(rows[0][0])
            return EncoderSpec(**{**fields, "modality": Modality(fields["modality"])})
        except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
            raise self._damaged(f"no record of the encoder {encoder}") from error

    def _shape(self, encoder: str) -> tuple[int, int]:
        """(D, frames) of an encoder."""
        rows = self._rows("SELECT dim, frames FROM encoders WHERE fingerprint = ?", encoder)
        dim, frames = rows[0] if rows else (0, 0)
        if not (isinstance(dim, int) and isinstance(frames, int) and dim > 0 and frames >= 0):
            raise self._damaged(f"no width of the encoder {encoder}")
        return dim, frames

    def _entry(self, row: Sequence[Any], frames: int) -> Entry:
        """A row of `features`, checked to lie among so many frames."""
        start, length, reason = row
        if not (isinstance(start, int) and isinstance(length, int) and isinstance(reason, str)):
            raise self._damaged("an entry of another kind")
        if min(start, length) < 0 or start + length > frames:
            raise self._damaged(f"an entry beyond the {frames} frames")
        return Entry(start, length, reason)

    def _damaged(self, what: str) -> StoreError:
        return StoreError(
            f"the feature store {self.folder} is damaged ({what}): copy it again, or extract into a new "
            "folder"
        )

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return all rows of a query; raises StoreError."""
        with self._explained():
            return self._connection.execute(query, values).fetchall()

    def _write(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute a statement for each row, inside a `_transaction`."""
        self._connection.executemany(statement, rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """A transaction that no other writer runs beside; what it wrote is gone if it ends with an error."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())
            raise StoreError(
                f"the feature store {self.folder} cannot be used ({reason}): check its disk and permissions, "
                "or extract into a new folder"
            ) from error
