"""The features of utterances in a private temporary file, so that they can be used again at little memory."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping

import numpy as np
from safetensors import numpy as safetensors

from mmer_core.labels import Modality


class KeptFeatures:
    """Features by the start of their utterance, in half precision: some 200 MB of disk for an hour of speech,
    gone with the process.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="mmer-")  # noqa: SIM115 - it lives as long as this object
        self._places: dict[float, tuple[int, int]] = {}

    def add(self, start: float, features: Mapping[Modality, np.ndarray]) -> None:
        """Keep (T, D) float32 of each modality.

        Raises:
            OSError: the temporary folder is full.
        """
        data = safetensors.save({m.value: _halved(rows) for m, rows in features.items()})
        place = self._file.seek(0, 2)
        self._file.write(data)
        self._file.flush()
        self._places[start] = place, len(data)

    def __contains__(self, start: object) -> bool:
        return start in self._places

    def get(self, start: float) -> dict[Modality, np.ndarray]:
        """(T, D) float32 of each modality that was kept of the utterance that starts there.

        Raises:
            KeyError: nothing was.
        """
        place, length = self._places[start]
        self._file.seek(place)
        found = safetensors.load(self._file.read(length))
        return {Modality(name): rows.astype(np.float32) for name, rows in found.items()}


def _halved(rows: np.ndarray) -> np.ndarray:
    """The rows in half precision; as they are where they are too large for it."""
    with np.errstate(over="ignore"):
        half = rows.astype(np.float16)
    return np.ascontiguousarray(half if np.isfinite(half).all() else rows)
