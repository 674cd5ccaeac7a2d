"""What an encoding process on another machine sends back instead of writing it itself: the index of a store is
for processes of one machine (SQLite's locks are not to be trusted on a network's folders), so one process there
writes for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from mmer_core.features.encoding import Outcome, Task, Worker
from mmer_core.features.index import StoredTranscript
from mmer_core.features.store import FeatureStore

_worker: dict[str, Worker] = {}  # one per process


class Gathering:
    """Takes what a `Worker` would put into its store, for one chunk.

    Attributes:
        known: {key of a recording: words that were recognised before}.
    """

    def __init__(self) -> None:
        self.known: Mapping[str, StoredTranscript] = {}
        self._transcripts: dict[str, StoredTranscript] = {}
        self._features: list[tuple[str, Mapping[str, np.ndarray | str]]] = []
        self._failures: list[tuple[str, Mapping[str, str]]] = []

    def transcript(self, recording: str) -> StoredTranscript | None:
        """See `FeatureStore`."""
        return self.known.get(recording)

    def add_transcripts(self, transcripts: Mapping[str, StoredTranscript]) -> None:
        """See `FeatureStore`."""
        self._transcripts |= transcripts

    def add(self, encoder: str, features: Mapping[str, np.ndarray | str]) -> None:
        """See `FeatureStore`."""
        self._features.append((encoder, features))

    def add_failures(self, encoder: str, reasons: Mapping[str, str]) -> None:
        """See `FeatureStore`."""
        self._failures.append((encoder, reasons))

    def into(self, store: FeatureStore) -> None:
        """Store everything; what is there already stays, so that a chunk that was done twice counts once."""
        store.add_transcripts(self._transcripts)
        for encoder, features in self._features:
            store.add(encoder, features)
        for encoder, reasons in self._failures:
            store.add_failures(encoder, reasons)


class Built(Protocol):
    """What builds the worker of a process."""

    def __call__(self, store: Gathering) -> Worker:
        """The worker, with its encoders."""


def known_of(store: FeatureStore, tasks: Iterable[Task]) -> dict[str, StoredTranscript]:
    """The words that a store has of the recordings of some tasks."""
    found = {task.transcript: store.transcript(task.transcript) for task in tasks if task.transcript}
    return {key: words for key, words in found.items() if words is not None}


def start(built: Built) -> None:
    """Prepare this process."""
    gathering = Gathering()
    _worker["mine"] = built(gathering)


def encode(
    tasks: Sequence[Task], known: Mapping[str, StoredTranscript]
) -> tuple[list[Outcome], Gathering]:
    """Encode a chunk; what became of it, and what is to be stored."""
    worker = _worker["mine"]
    gathering = Gathering()
    gathering.known = known
    return worker.encode(tasks, into=gathering), gathering
