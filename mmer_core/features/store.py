"""Features of many clips on disk, stored by content: what was encoded once is not encoded again, in whatever
corpus it turns up.

A folder with one file of raw float32 frames per encoder, only ever appended to, and an index (SQLite) that
says where each clip's frames are. The index is the truth: frames are written first and entered then, in one
transaction, so a process that is killed leaves nothing that counts; the next one writes over it. Several
processes may write at once; SQLite's write lock lets them take turns. Nothing in it can run code.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmer_core.checkpoint import is_plain
from mmer_core.clip import Absent
from mmer_core.features.index import StoredTranscript, StoreError, StoreIndex
from mmer_core.features.keys import ClipKeys, is_recognised
from mmer_core.media.speech import RECOGNISER

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest
    from mmer_core.features.table import FeatureColumn

__all__ = ["FeatureStore", "StoreError", "StoredTranscript"]


class FeatureStore(StoreIndex):
    """A folder of features.

    Args:
        folder: where it is.
        create: make it if there is none.

    Raises:
        StoreError: there is none, or it cannot be read.
    """

    def __init__(self, folder: str | Path, *, create: bool = False) -> None:
        super().__init__(Path(folder), create=create)

    def add(self, encoder: str, features: Mapping[str, np.ndarray | str]) -> None:
        """Store features, all or none of them; a key that is there already stays as it is.

        Args:
            encoder: fingerprint of a registered encoder.
            features: {key: (T, D) finite, or the reason why the modality is absent}.

        Raises:
            StoreError: an array of another width, or not finite.
        """
        with self._transaction():
            dim, end = self._shape(encoder)
            there = "SELECT 1 FROM features WHERE encoder = ? AND key = ?"
            fresh = {k: v for k, v in features.items() if not self._rows(there, encoder, k)}
            arrays = {k: _frames(v, dim) for k, v in fresh.items() if not isinstance(v, str)}
            self._append(encoder, end * dim * 4, arrays.values())
            rows = []
            for key, value in fresh.items():
                length = len(arrays[key]) if key in arrays else 0
                reason = value if isinstance(value, str) else ""
                rows.append((encoder, key, end if length else 0, length, reason))
                end += length
            self._write("INSERT INTO features VALUES (?, ?, ?, ?, ?)", rows)
            self._write("UPDATE encoders SET frames = ? WHERE fingerprint = ?", [(end, encoder)])
            self._write(
                "DELETE FROM failures WHERE encoder = ? AND key = ?", [(encoder, key) for key in features]
            )

    def frames(self, encoder: str) -> np.ndarray:
        """(F, D) float32, memory-mapped: all frames of one encoder.

        Raises:
            StoreError: the file is shorter than the index says.
        """
        dim, count = self._shape(encoder)
        path = self._path(encoder)
        if not count:
            return np.zeros((0, dim), dtype=np.float32)
        if not path.is_file() or path.stat().st_size < count * dim * 4:
            raise StoreError(
                f"{path} is missing or cut off: copy the whole feature store again, or delete it and "
                "extract again"
            )
        return np.memmap(path, dtype=np.float32, mode="r", shape=(count, dim))

    def get(self, encoder: str, key: str) -> np.ndarray:
        """Return the features (T, D) float32 of one clip.

        Raises:
            KeyError: it was not encoded.
            Absent: there was nothing to encode.
        """
        query = "SELECT start, length, reason FROM features WHERE encoder = ? AND key = ?"
        rows = self._rows(query, encoder, key)
        if not rows:
            raise KeyError(key)
        start, length, reason = self._entry(rows[0], self._shape(encoder)[1])
        if not length:
            raise Absent(reason)
        return np.array(self.frames(encoder)[start : start + length])

    def column(
        self, request: str, manifest: Manifest, *, transcribe: bool = False
    ) -> tuple[FeatureColumn, str, list[tuple[str, str]]]:
        """One encoder's features of a corpus, memory-mapped, in the manifest's order.

        Args:
            request: the encoder, as `fingerprint` takes it.
            manifest: the corpus.
            transcribe: utterances without words have those that speech recognition found.

        Returns:
            The features, what made them (for the record of a run), and (id, reason) of the utterances
            without.

        Raises:
            StoreError: utterances that extraction has not come to yet.
        """
        from mmer_core.features.table import FeatureColumn

        encoder = self.fingerprint(request)
        spec = self.spec(encoder)
        entries, failures = self.entries(encoder), self.failures(encoder)
        keys = ClipKeys(manifest, self.known_files(), transcribe=transcribe)
        start, length = np.zeros(len(manifest), dtype=np.int64), np.zeros(len(manifest), dtype=np.int64)
        missing: list[tuple[str, str]] = []
        waiting: list[str] = []
        recognised = 0
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
                missing.append(
                    (utterance.id, f"{spec.modality}: {failures[key] if entry is None else entry.reason}")
                )
            elif is_recognised(key):
                recognised += 1
        self.remember(keys.fresh)
        if waiting:
            raise StoreError(
                f"{len(waiting)} of {len(manifest)} utterances have no {request} features in "
                f"{self.folder} yet (first: {waiting[0]}): run the extract command"
                + (" with --transcribe" if transcribe else "")
            )
        source = f"{request}, {spec.source}, {spec.revision} ({encoder})"
        if recognised:
            source += f"; words of {recognised} of {len(manifest)} utterances recognised by {RECOGNISER}"
        return FeatureColumn(self.frames(encoder), start, length), source, missing

    def _path(self, encoder: str) -> Path:
        rows = self._rows("SELECT name FROM encoders WHERE fingerprint = ?", encoder)
        name = f"{rows[0][0]}-{encoder}.f32" if rows else ""
        if not is_plain(name):
            raise self._damaged(f"no name of the encoder {encoder}")
        return self.folder / name

    def _append(self, encoder: str, offset: int, arrays: Iterable[np.ndarray]) -> None:
        """Write frames at `offset` bytes, over whatever a killed process left there, and sync the file."""
        path = self._path(encoder)
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(offset)
            for array in arrays:
                file.write(array.tobytes())
            file.flush()
            os.fsync(file.fileno())


def _frames(features: np.ndarray, dim: int) -> np.ndarray:
    """The features as contiguous float32; StoreError if they are not (T, dim) or not finite."""
    array = np.ascontiguousarray(features, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != dim or not np.isfinite(array).all():
        raise StoreError(
            f"features of shape {array.shape} do not fit the encoder's width {dim}, or are not finite: "
            "correct the encoder"
        )
    return array
