"""From a corpus to features in the store: in parallel, going on where it was stopped, and past every file that cannot be used."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from mmer_core.clip import Absent
from mmer_core.corpora import Manifest
from mmer_core.encoders.request import EncoderRequest
from mmer_core.encoders.spec import EncoderSpec
from mmer_core.extraction.crew import Crew
from mmer_core.extraction.encoding import Outcome, Task, Worker
from mmer_core.extraction.keys import ClipKeys
from mmer_core.extraction.store import FeatureStore

CHUNK = 16  # utterances that are stored together; a kill loses at most one chunk per process

Progress = Callable[[int, int], None]


class Problem(NamedTuple):
    """One utterance without features of one encoder: it has nothing for it (absent), or it could not be read or encoded (failed)."""

    id: str
    modality: str
    encoder: str
    kind: str
    reason: str


@dataclass
class Extraction:
    """What an extraction did.

    Attributes:
        utterances: in the corpus.
        counts: {request: {encoded, kept (already in the store), absent, failed: utterances}}.
        problems: every utterance without features of an encoder, with the reason; rows that the corpus's reader left out come first.
        seconds: how long it took.
    """

    utterances: int
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return {
            "utterances": self.utterances,
            "encoders": {name: {kind: count[kind] for kind in ("encoded", "kept", "absent", "failed")} for name, count in self.counts.items()},
            "problems": [problem._asdict() for problem in self.problems],
            "seconds": round(self.seconds, 3),
        }


def extract(manifest: Manifest, requests: Sequence[EncoderRequest], folder: Path, *, jobs: int = 1, progress: Progress | None = None) -> Extraction:
    """Encode every utterance with every encoder, save what the store has already.

    Args:
        manifest: the corpus.
        requests: the encoders.
        folder: of the feature store; made if there is none.
        jobs: processes; each builds the encoders once and computes in one thread. 1 works in this process.
        progress: called with (utterances done, utterances).

    Raises:
        EncoderUnavailable: the weights of an encoder cannot be had.
        ExtractionError: the processes are ended again and again.
        StoreError: the store cannot be used.
    """
    started = time.perf_counter()
    encoders = {str(request): request.create() for request in requests}
    specs = {request: encoder.spec for request, encoder in encoders.items()}
    store = FeatureStore(folder, create=True)
    for request in requests:
        store.register(request, specs[str(request)])
    plan = _Plan(manifest, specs, store, progress)
    if jobs > 1:
        encoders.clear()  # their weights are needed in the other processes
        outcomes = Crew(folder, {request: spec.fingerprint for request, spec in specs.items()}, jobs).work(_chunks(plan.tasks()))
    else:
        worker = Worker(store, encoders)
        outcomes = ((chunk, worker.encode(chunk)) for chunk in _chunks(plan.tasks()))
    for chunk, part in outcomes:
        plan.note(chunk, part)
    plan.remember_files()
    store.close()
    plan.result.seconds = time.perf_counter() - started
    return plan.result


def _chunks(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    remaining = iter(tasks)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


class _Plan:
    """What is to be done, and what was."""

    def __init__(self, manifest: Manifest, specs: Mapping[str, EncoderSpec], store: FeatureStore, progress: Progress | None) -> None:
        self._manifest, self._specs, self._store, self._progress = manifest, specs, store, progress
        self._keys = ClipKeys(manifest, store.known_files())
        self._done = 0
        self.result = Extraction(len(manifest), {request: Counter() for request in specs})
        self.result.problems += [Problem(p.id, "", "", "failed", p.reason) for p in manifest.problems]

    def tasks(self) -> Iterator[Task]:
        """What is left to do; the rest is counted on the way. A clip that occurs twice is encoded once."""
        entries = {request: self._store.entries(spec.fingerprint) for request, spec in self._specs.items()}
        planned: set[tuple[str, str]] = set()
        for utterance in self._manifest.utterances():
            wanted = {}
            for request, spec in self._specs.items():
                try:
                    key = self._keys.of(utterance, spec.modality)
                except Absent as reason:
                    self._count(Outcome(utterance.id, request, "absent", str(reason)))
                    continue
                entry = entries[request].get(key)
                if entry is not None and not entry.length:
                    self._count(Outcome(utterance.id, request, "absent", entry.reason))
                elif entry is not None or (request, key) in planned:
                    self.result.counts[request]["kept"] += 1
                else:
                    planned.add((request, key))
                    wanted[request] = key
            if wanted:
                yield Task(utterance, wanted)
            else:
                self._tell(1)

    def note(self, chunk: Sequence[Task], outcomes: Sequence[Outcome]) -> None:
        """Take what became of some tasks into the result."""
        for outcome in outcomes:
            self._count(outcome)
        self.remember_files()
        self._tell(len(chunk))

    def remember_files(self) -> None:
        """Store the digests of the files that were read, so that going on later need not read them again."""
        self._store.remember(self._keys.fresh)

    def _count(self, outcome: Outcome) -> None:
        self.result.counts[outcome.request][outcome.kind] += 1
        if outcome.kind != "encoded":
            modality = self._specs[outcome.request].modality.value
            self.result.problems.append(Problem(outcome.id, modality, outcome.request, outcome.kind, outcome.reason))

    def _tell(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._done, len(self._manifest))
