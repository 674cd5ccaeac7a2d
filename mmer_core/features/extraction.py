"""From a corpus to features in the store: in parallel, going on after a stop, and past unusable files."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from mmer_core import config
from mmer_core.backends import LOCAL
from mmer_core.clip import Absent
from mmer_core.corpora import Manifest
from mmer_core.corpora.manifest import Utterance
from mmer_core.encoders import modality_of
from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.request import EncoderRequest
from mmer_core.features.encoding import Outcome, Task, Worker
from mmer_core.features.keys import PARTS, ClipKeys, is_recognised
from mmer_core.features.store import FeatureStore
from mmer_core.features.table import GIVEN
from mmer_core.features.workers import ExtractionError, WorkerPool
from mmer_core.labels import Modality, parse_modality

CHUNK = 16  # utterances that are stored together; a kill loses at most one chunk per process

#: Called with (utterances done, utterances).
Progress = Callable[[int, int], None]
#: {modality: encoder}, as {"text": "minilm", "audio": "lld:window=0.03"}, or requests.
Encoders = Mapping[str, str] | Sequence[EncoderRequest]


class Problem(NamedTuple):
    """One utterance without features of one encoder: it has nothing for it (absent), or it could not be read
    or encoded (failed).
    """

    id: str
    modality: str
    encoder: str
    kind: str
    reason: str


@dataclass
class Extraction:
    """The result of an extraction.

    Attributes:
        utterances: in the corpus.
        counts: {request: {encoded, kept (already in the store), absent, failed: utterances}}.
        transcribed: utterances whose words, which encoders read, were recognised from the sound.
        problems: every utterance without features of an encoder, with the reason; rows that the corpus's
            reader left out come first.
        seconds: of wall time.
    """

    utterances: int
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    transcribed: int = 0
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the result as a JSON object."""
        return {
            "utterances": self.utterances,
            "encoders": {
                name: {kind: count[kind] for kind in ("encoded", "kept", "absent", "failed")}
                for name, count in self.counts.items()
            },
            "transcribed": self.transcribed,
            "problems": [problem._asdict() for problem in self.problems],
            "seconds": round(self.seconds, 3),
        }


def extract(
    manifest: Manifest,
    encoders: Encoders,
    *,
    store: str | Path | None = None,
    jobs: int = 1,
    where: str = LOCAL,
    transcribe: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> Extraction:
    """Encode every utterance with every encoder, except what the store has already.

    Args:
        manifest: the corpus.
        encoders: {modality: encoder with its options}, such as {"text": "minilm", "audio": "voice_frames"},
            or a list of requests. Modalities whose features came with the corpus ("given") are passed over.
        store: folder of the feature store, made if there is none; by default that in the user's data folder.
        jobs: processes; each builds the encoders once and computes in one thread. 1 works in this process.
        where: the backend that has them, see `backends`; this process stores, nodes need the corpus's paths.
        transcribe: recognise the words of utterances that have none (English only), for encoders of text.
        device: "auto", "cpu", "cuda" or "mps", for the encoders that compute with torch.
        progress: called with (utterances done, utterances).

    Raises:
        ValueError: no encoder is named, it is not known, or it reads another modality.
        EncoderUnavailable: the weights of an encoder cannot be had.
        ExtractionError: the processes are ended again and again, or speech recognition is not installed.
        StoreError, BackendUnavailable: the store or the backend cannot be used.
    """
    started = time.perf_counter()
    requests = encoder_requests(encoders)
    folder = config.features_folder() if store is None else Path(store)
    built = {str(request): request.create(device=device) for request in requests}
    specs = {request: encoder.spec for request, encoder in built.items()}
    if transcribe:
        _check_recogniser(specs.values(), manifest)
    kept = FeatureStore(folder, create=True)
    for request in requests:
        kept.register(request, specs[str(request)])
    plan = _Plan(manifest, specs, kept, transcribe=transcribe, progress=progress)
    if jobs > 1 or where != LOCAL:
        built.clear()  # their weights are needed in the other processes
        fingerprints = {request: spec.fingerprint for request, spec in specs.items()}
        workers = WorkerPool(folder, fingerprints, jobs, device=device, where=where)
        outcomes = workers.work(_chunks(plan.tasks()))
    else:
        worker = Worker(kept, built)
        outcomes = ((chunk, worker.encode(chunk)) for chunk in _chunks(plan.tasks()))
    for chunk, part in outcomes:
        plan.note(chunk, part)
    plan.count_twins()
    plan.remember_files()
    kept.close()
    plan.result.seconds = time.perf_counter() - started
    return plan.result


def encoder_requests(encoders: Encoders) -> list[EncoderRequest]:
    """Return the encoders to extract with; see `extract`, which raises the same errors."""
    if isinstance(encoders, Mapping):
        requests = [encoder_of(name, text) for name, text in encoders.items() if text != GIVEN]
    else:
        requests = list(encoders)
    if not requests:
        raise ValueError("no encoder is named: write for example text=minilm,audio=voice_frames")
    return requests


def encoder_of(modality: str, encoder: str) -> EncoderRequest:
    """Return the request for an encoder, such as "lld:window=0.03", of a modality.

    Raises:
        ValueError: the encoder or the modality is not known, or it reads another modality.
    """
    request, wanted = EncoderRequest.parse(encoder), parse_modality(modality)
    reads = modality_of(request.name)
    if reads is not wanted:
        raise ValueError(f"{request.name} reads {reads}, not {wanted}: write {reads}={request}")
    return request


def _check_recogniser(specs: Iterable[EncoderSpec], manifest: Manifest) -> None:
    """Raise ExtractionError if words are to be recognised and the recogniser is not installed."""
    from mmer_core.media import speech

    wordless = (manifest.table["text"] == "") & (manifest.table["path"] != "")
    if wordless.any() and any(PARTS[spec.modality] == "words" for spec in specs):
        try:
            speech.check_installed()
        except speech.SpeechUnavailable as error:
            raise ExtractionError(str(error)) from error


def _chunks(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    remaining = iter(tasks)
    return iter(lambda: list(islice(remaining, CHUNK)), [])


class _Plan:
    """The tasks of an extraction, and the account of their outcomes."""

    def __init__(
        self,
        manifest: Manifest,
        specs: Mapping[str, EncoderSpec],
        store: FeatureStore,
        *,
        transcribe: bool,
        progress: Progress | None,
    ) -> None:
        self._manifest, self._specs, self._store, self._progress = manifest, specs, store, progress
        self._keys = ClipKeys(manifest, store.known_files(), transcribe=transcribe)
        self._done = 0
        self._twins: dict[tuple[str, str], list[str]] = {}  # {(request, id): ids with the same content}
        self._outcomes: dict[tuple[str, str], Outcome] = {}
        self.result = Extraction(len(manifest), {request: Counter() for request in specs})
        self.result.problems += [Problem(p.id, "", "", "failed", p.reason) for p in manifest.problems]

    def tasks(self) -> Iterator[Task]:
        """Yield what is left to do and count the rest; a clip that occurs twice is encoded once."""
        entries = {request: self._store.entries(spec.fingerprint) for request, spec in self._specs.items()}
        planned: dict[tuple[str, str], str] = {}
        for utterance in self._manifest.utterances():
            found = self._keys_of(utterance)
            self.result.transcribed += any(map(is_recognised, found.values()))
            wanted = {}
            for request, key in found.items():
                entry = entries[request].get(key)
                if entry is not None and not entry.length:
                    self._count(Outcome(utterance.id, request, "absent", entry.reason))
                elif entry is not None:
                    self.result.counts[request]["kept"] += 1
                elif (request, key) in planned:
                    self._twins.setdefault((request, planned[request, key]), []).append(utterance.id)
                else:
                    planned[request, key] = utterance.id
                    wanted[request] = key
            if wanted:
                recognise = any(map(is_recognised, wanted.values()))
                recording = self._keys.recording(utterance, Modality.TEXT) if recognise else ""
                yield Task(utterance, wanted, recording)
            else:
                self._tell(1)

    def note(self, chunk: Sequence[Task], outcomes: Sequence[Outcome]) -> None:
        """Take the outcomes of some tasks into the result."""
        for outcome in outcomes:
            self._count(outcome)
            self._outcomes[outcome.request, outcome.id] = outcome
        self.remember_files()
        self._tell(len(chunk))

    def count_twins(self) -> None:
        """Count utterances with the content of one that was encoded: what holds for it holds for them."""
        for (request, first), ids in self._twins.items():
            outcome = self._outcomes[request, first]
            if outcome.kind == "encoded":
                outcome = outcome._replace(kind="kept")
            elif outcome.kind == "failed":
                outcome = outcome._replace(reason=f"the same content as {first}: {outcome.reason}")
            for id in ids:
                self._count(outcome._replace(id=id))

    def remember_files(self) -> None:
        """Store the digests of the files that were read, so that going on later need not read them again."""
        self._store.remember(self._keys.fresh)

    def _keys_of(self, utterance: Utterance) -> dict[str, str]:
        """{request: key} of what the encoders read of an utterance; what is absent is counted."""
        found = {}
        for request, spec in self._specs.items():
            try:
                found[request] = self._keys.of(utterance, spec.modality)
            except Absent as reason:
                self._count(Outcome(utterance.id, request, "absent", str(reason)))
        return found

    def _count(self, outcome: Outcome) -> None:
        self.result.counts[outcome.request][outcome.kind] += 1
        if outcome.kind not in ("encoded", "kept"):
            modality = self._specs[outcome.request].modality.value
            self.result.problems.append(
                Problem(outcome.id, modality, outcome.request, outcome.kind, outcome.reason)
            )

    def _tell(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress(self._done, len(self._manifest))
