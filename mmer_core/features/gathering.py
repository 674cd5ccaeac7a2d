"""What an encoding process on another machine sends back instead of writing it itself: the index of a store
is for processes of one machine (SQLite's locks are not to be trusted on a network's folders), so one process
there writes for all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mmer_core.encoders.base import ModalityEncoder
from mmer_core.encoders.request import EncoderRequest
from mmer_core.features.encoding import Outcome, Task, Worker
from mmer_core.features.index import StoredTranscript
from mmer_core.features.store import FeatureStore

_encoders: dict[str, ModalityEncoder] = {}  # of this process, by request


class Gathering:
    """Takes what a `Worker` would put into its store, for one chunk.

    Args:
        known: {key of a recording: words that were recognised before}.
    """

    def __init__(self, known: Mapping[str, StoredTranscript]) -> None:
        self._known = known
        self._transcripts: dict[str, StoredTranscript] = {}
        self._features: list[tuple[str, Mapping[str, np.ndarray | str]]] = []
        self._failures: list[tuple[str, Mapping[str, str]]] = []

    def transcript(self, recording: str) -> StoredTranscript | None:
        """See `FeatureStore`."""
        return self._known.get(recording)

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


def known_of(store: FeatureStore, tasks: Iterable[Task]) -> dict[str, StoredTranscript]:
    """The words that a store has of the recordings of some tasks."""
    found = {task.transcript: store.transcript(task.transcript) for task in tasks if task.transcript}
    return {key: words for key, words in found.items() if words is not None}


def sent(task: Task) -> Task:
    """The task with the whole paths of its files, as another machine has another current folder."""
    utterance = task.utterance
    return replace(
        task, utterance=replace(utterance, path=_whole(utterance.path), sound=_whole(utterance.sound))
    )


def _whole(path: Path | None) -> Path | None:
    return None if path is None else Path(os.path.abspath(path))


def start(requests: Sequence[str], device: str) -> None:
    """Prepare this process: the encoders, in one thread of the processor."""
    for request in requests:
        _encoders[request] = EncoderRequest.parse(request).create(threads=1, device=device)


def encode(tasks: Sequence[Task], known: Mapping[str, StoredTranscript]) -> tuple[list[Outcome], Gathering]:
    """Encode a chunk; what became of it, and what is to be stored."""
    gathering = Gathering(known)
    return Worker(gathering, _encoders).encode(tasks), gathering
