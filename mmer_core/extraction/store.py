"""Features of many clips on disk, kept by content: what was encoded once is never encoded again, in whatever corpus it turns up.

A folder with one file of raw float32 frames per encoder, only ever appended to, and an index (SQLite) that says where each clip's frames are.
The index is the truth: frames are written first and entered then, in one transaction, so a process that is killed leaves nothing that counts;
the next one writes over it. Several processes may write at once; SQLite's write lock lets them take turns. Nothing in it can run code.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mmer_core.clip import Absent
from mmer_core.encoders.request import EncoderRequest
from mmer_core.encoders.spec import EncoderSpec
from mmer_core.extraction.keys import ClipKeys, KnownFile
from mmer_core.labels import Modality

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest
    from mmer_core.features.table import FeatureColumn, FeatureTable

INDEX = "index.sqlite"
SCHEMA = 1
TURN = 120.0  # seconds a writer waits for its turn
_TABLES = """
CREATE TABLE IF NOT EXISTS encoders (fingerprint TEXT PRIMARY KEY, name TEXT, dim INTEGER, frames INTEGER, spec TEXT);
CREATE TABLE IF NOT EXISTS requests (request TEXT, encoder TEXT, PRIMARY KEY (request, encoder)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS features (encoder TEXT, key TEXT, start INTEGER, length INTEGER, reason TEXT, PRIMARY KEY (encoder, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (encoder TEXT, key TEXT, reason TEXT, PRIMARY KEY (encoder, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, sha256 TEXT) WITHOUT ROWID;
"""


class StoreError(ValueError):
    """A feature store that cannot be used, or lacks what was asked for; the message says what to do."""


class Entry(NamedTuple):
    """Where the frames of one clip are; length 0 where the encoder had nothing to read, and then why."""

    start: int
    length: int
    reason: str


class FeatureStore:
    """A folder of features.

    Args:
        folder: where it is.
        create: make it if there is none.

    Raises:
        StoreError: there is none, or it cannot be read.
    """

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        if create:
            folder.mkdir(parents=True, exist_ok=True)
        elif not (folder / INDEX).is_file():
            raise StoreError(f"{folder} is no feature store: fill it with python -m mmer_core extract MANIFEST --store {folder}")
        with self._explained():
            self._index = sqlite3.connect(folder / INDEX, isolation_level=None, timeout=TURN)
            if create:
                self._index.execute("PRAGMA journal_mode = WAL")
                self._index.executescript(_TABLES)
                self._index.execute(f"PRAGMA user_version = {SCHEMA}")
            self._index.execute("PRAGMA synchronous = NORMAL")
            found = self._index.execute("PRAGMA user_version").fetchone()[0]
        if found != SCHEMA:
            raise StoreError(f"{folder} has another format (schema {found}) than this version reads ({SCHEMA}): extract into a new folder")

    def close(self) -> None:
        self._index.close()

    def register(self, request: EncoderRequest, spec: EncoderSpec) -> None:
        """Say which encoder answers a request, before features of it are added."""
        with self._turn():
            row = (spec.fingerprint, spec.name, spec.dim, 0, json.dumps(asdict(spec), sort_keys=True))
            self._index.execute("INSERT OR IGNORE INTO encoders VALUES (?, ?, ?, ?, ?)", row)
            self._index.execute("INSERT OR IGNORE INTO requests VALUES (?, ?)", (str(request), spec.fingerprint))

    def add(self, encoder: str, features: Mapping[str, np.ndarray | str]) -> None:
        """Keep features, all or none of them; a key that is there already stays as it is.

        Args:
            encoder: fingerprint of a registered encoder.
            features: {key: (T, D) finite, or the reason why the modality is absent}.

        Raises:
            StoreError: an array of another width, or not finite.
        """
        with self._turn():
            dim, end = self._index.execute("SELECT dim, frames FROM encoders WHERE fingerprint = ?", (encoder,)).fetchone()
            there = "SELECT 1 FROM features WHERE encoder = ? AND key = ?"
            fresh = {k: v for k, v in features.items() if not self._index.execute(there, (encoder, k)).fetchone()}
            arrays = {key: np.ascontiguousarray(value, dtype=np.float32) for key, value in fresh.items() if not isinstance(value, str)}
            for array in arrays.values():
                if array.ndim != 2 or array.shape[1] != dim or not np.isfinite(array).all():
                    raise StoreError(f"features of shape {array.shape} do not fit the encoder's width {dim}, or are not finite: mend the encoder")
            self._append(encoder, end * dim * 4, arrays.values())
            for key, value in fresh.items():
                length = len(arrays[key]) if key in arrays else 0
                reason = value if isinstance(value, str) else ""
                self._index.execute("INSERT INTO features VALUES (?, ?, ?, ?, ?)", (encoder, key, end if length else 0, length, reason))
                end += length
            self._index.execute("UPDATE encoders SET frames = ? WHERE fingerprint = ?", (end, encoder))
            self._index.executemany("DELETE FROM failures WHERE encoder = ? AND key = ?", [(encoder, key) for key in features])

    def add_failures(self, encoder: str, reasons: Mapping[str, str]) -> None:
        """Note what could not be encoded, {key: reason}; the next extraction tries it again."""
        with self._turn():
            self._index.executemany("INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", [(encoder, key, reason) for key, reason in reasons.items()])

    def remember(self, files: Mapping[str, KnownFile]) -> None:
        """Keep the digests of files, so that they need not be read again as long as they do not change."""
        if files:
            with self._turn():
                self._index.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", [(path, *file) for path, file in files.items()])

    def known_files(self) -> dict[str, KnownFile]:
        """{path: digest} of the files that were read so far."""
        return {path: KnownFile(*rest) for path, *rest in self._rows("SELECT path, size, changed, sha256 FROM files")}

    def entries(self, encoder: str) -> dict[str, Entry]:
        """{key: where its frames are} of one encoder."""
        return {key: Entry(*rest) for key, *rest in self._rows("SELECT key, start, length, reason FROM features WHERE encoder = ?", encoder)}

    def failures(self, encoder: str) -> dict[str, str]:
        """{key: reason} of what could not be encoded."""
        return dict(self._rows("SELECT key, reason FROM failures WHERE encoder = ?", encoder))

    def fingerprint(self, request: str) -> str:
        """The encoder behind a request ("minilm", "bert:sequence=yes", or "minilm@" and the start of a fingerprint).

        Raises:
            StoreError: it was not extracted, or several encoders answer it (other weights, other settings).
        """
        name, _, start = request.partition("@")
        wanted = str(EncoderRequest.parse(name))
        found = [row[0] for row in self._rows("SELECT encoder FROM requests WHERE request = ? ORDER BY encoder", wanted) if row[0].startswith(start)]
        if not found:
            there = ", ".join(row[0] for row in self._rows("SELECT DISTINCT request FROM requests ORDER BY request")) or "nothing"
            raise StoreError(f"{self.folder} holds no features of {request} (it holds {there}): run the extract command with this encoder")
        if len(found) > 1:
            raise StoreError(f"{self.folder} holds features of {len(found)} encoders called {wanted}: name one, {wanted}@{' or @'.join(found)}")
        return found[0]

    def spec(self, encoder: str) -> EncoderSpec:
        """The record of an encoder."""
        fields = json.loads(self._rows("SELECT spec FROM encoders WHERE fingerprint = ?", encoder)[0][0])
        return EncoderSpec(**{**fields, "modality": Modality(fields["modality"])})

    def frames(self, encoder: str) -> np.ndarray:
        """(F, D) float32, memory-mapped: all frames of one encoder.

        Raises:
            StoreError: the file is shorter than the index says.
        """
        dim, count = self._rows("SELECT dim, frames FROM encoders WHERE fingerprint = ?", encoder)[0]
        path = self._path(encoder)
        if not count:
            return np.zeros((0, dim), dtype=np.float32)
        if not path.is_file() or path.stat().st_size < count * dim * 4:
            raise StoreError(f"{path} is missing or cut off: copy the whole feature store again, or delete it and extract again")
        return np.memmap(path, dtype=np.float32, mode="r", shape=(count, dim))

    def get(self, encoder: str, key: str) -> np.ndarray:
        """(T, D) float32 of one clip; KeyError if it was not encoded, Absent with the reason if there was nothing to encode."""
        row = self._rows("SELECT start, length, reason FROM features WHERE encoder = ? AND key = ?", encoder, key)
        if not row:
            raise KeyError(key)
        start, length, reason = row[0]
        if not length:
            raise Absent(reason)
        return np.array(self.frames(encoder)[start : start + length])

    def column(self, request: str, manifest: Manifest) -> tuple[FeatureColumn, str, list[tuple[str, str]]]:
        """One encoder's features of a corpus, memory-mapped, in the manifest's order.

        Returns:
            The features, what made them (for the record of a run), and (id, reason) of the utterances without.

        Raises:
            StoreError: utterances that extraction has not come to yet.
        """
        from mmer_core.features.table import FeatureColumn

        encoder = self.fingerprint(request)
        spec = self.spec(encoder)
        entries, failures = self.entries(encoder), self.failures(encoder)
        keys = ClipKeys(manifest, self.known_files())
        start, length = np.zeros(len(manifest), dtype=np.int64), np.zeros(len(manifest), dtype=np.int64)
        missing: list[tuple[str, str]] = []
        waiting: list[str] = []
        for row, utterance in enumerate(manifest.utterances()):
            try:
                key = keys.of(utterance, spec.modality)
            except Absent as reason:
                missing.append((utterance.id, f"{spec.modality}: {reason}"))
                continue
            entry = entries.get(key)
            if entry is not None:
                start[row], length[row] = entry.start, entry.length
            if entry is None and key not in failures:
                waiting.append(utterance.id)
            elif not length[row]:
                missing.append((utterance.id, f"{spec.modality}: {failures[key] if entry is None else entry.reason}"))
        self.remember(keys.fresh)
        if waiting:
            raise StoreError(
                f"{len(waiting)} of {len(manifest)} utterances have no {request} features in {self.folder} yet (first: {waiting[0]}): "
                "run the extract command"
            )
        return FeatureColumn(self.frames(encoder), start, length), f"{request}, {spec.source}, {spec.revision} ({encoder})", missing

    def table(self, manifest: Manifest, encoders: Mapping[Modality, str], *, groups: str = "speaker") -> FeatureTable:
        """The features of a corpus from several encoders; nothing is copied into memory (see `extraction.corpus_features`)."""
        from mmer_core.extraction.corpus_features import feature_table

        return feature_table(manifest, encoders, groups=groups, store=self)

    def _path(self, encoder: str) -> Path:
        name = self._rows("SELECT name FROM encoders WHERE fingerprint = ?", encoder)[0][0]
        return self.folder / f"{name}-{encoder}.f32"

    def _append(self, encoder: str, offset: int, arrays: Iterable[np.ndarray]) -> None:
        """Write frames at `offset` bytes, over whatever a killed process left there, and see them onto the disk."""
        path = self._path(encoder)
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(offset)
            for array in arrays:
                file.write(array.tobytes())
            file.flush()
            os.fsync(file.fileno())

    def _rows(self, query: str, *values: Any) -> Sequence[tuple[Any, ...]]:
        with self._explained():
            return self._index.execute(query, values).fetchall()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """A transaction that no other writer runs beside."""
        with self._explained():
            self._index.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._index.execute("ROLLBACK")
                raise
            self._index.execute("COMMIT")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            reason = f"the feature store {self.folder} cannot be used ({error})"
            raise StoreError(f"{reason}: check its disk and permissions, or extract into a new folder") from error
