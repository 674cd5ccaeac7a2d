"""Encoding utterances one after the other into the feature store: what each process of an extraction does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from mmer_core.clip import Absent, Clip
from mmer_core.corpora.manifest import Utterance
from mmer_core.encoders.spec import ModalityEncoder
from mmer_core.extraction.store import FeatureStore
from mmer_core.labels import Modality

MEDIA = (Modality.AUDIO, Modality.VISUAL)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One utterance and what is wanted of it: {request: key}."""

    utterance: Utterance
    wanted: dict[str, str]


class Outcome(NamedTuple):
    """What became of one utterance and one request: encoded, or why not."""

    id: str
    request: str
    kind: Literal["encoded", "absent", "failed"]
    reason: str = ""


class Failure(NamedTuple):
    """Why a clip could not be read or encoded."""

    reason: str


#: Features (T, D), the reason why the modality is absent, or why it failed.
Found = np.ndarray | str | Failure


class Worker:
    """Encodes and stores; one per process.

    Args:
        store: where to.
        encoders: {request: encoder}.
    """

    def __init__(self, store: FeatureStore, encoders: dict[str, ModalityEncoder]) -> None:
        self._store = store
        self._encoders = encoders

    def encode(self, tasks: Sequence[Task], stopped: Callable[[], bool] = lambda: False) -> list[Outcome]:
        """Encode some utterances, then store what came of them. Where `stopped` says so, the rest is left for another time."""
        outcomes: list[Outcome] = []
        features: dict[str, dict[str, np.ndarray | str]] = {}
        failures: dict[str, dict[str, str]] = {}
        for task in tasks:
            if stopped():
                break
            for request, found in self._encode_one(task).items():
                key = task.wanted[request]
                if isinstance(found, Failure):
                    failures.setdefault(request, {})[key] = found.reason
                    outcomes.append(Outcome(task.utterance.id, request, "failed", found.reason))
                else:
                    features.setdefault(request, {})[key] = found
                    outcomes.append(Outcome(task.utterance.id, request, *(("absent", found) if isinstance(found, str) else ("encoded", ""))))
        for request, rows in features.items():
            self._store.add(self._encoders[request].spec.fingerprint, rows)
        for request, reasons in failures.items():
            self._store.add_failures(self._encoders[request].spec.fingerprint, reasons)
        return outcomes

    def _encode_one(self, task: Task) -> dict[str, Found]:
        """What each encoder made of an utterance; its file is only decoded if one of them reads sound or pictures."""
        from mmer_core.media import MediaError

        wanted = {request: self._encoders[request] for request in task.wanted}
        found: dict[str, Found] = {}
        clip = words_alone(task.utterance)
        if any(encoder.spec.modality in MEDIA for encoder in wanted.values()):
            try:
                clip = decoded(task.utterance, faces=any(encoder.spec.needs_faces for encoder in wanted.values()))
            except MediaError as error:
                found = {request: Failure(str(error)) for request, encoder in wanted.items() if encoder.spec.modality in MEDIA}
        return found | {request: encode(encoder, clip) for request, encoder in wanted.items() if request not in found}


def encode(encoder: ModalityEncoder, clip: Clip) -> Found:
    """What an encoder makes of a clip; whatever goes wrong with it is a reason, never an exception."""
    name, dim = encoder.spec.name, encoder.spec.dim
    try:
        features = encoder.encode(clip)
    except Absent as reason:
        return str(reason)
    except Exception as error:
        # any library may throw anything at one odd clip: its row says so, and the others go on
        log.debug("%s failed on %s", name, clip.name, exc_info=True)
        message = str(error).strip().splitlines()
        return Failure(f"{name} failed on it ({type(error).__name__}{': ' + message[0] if message else ''})")
    if features.ndim != 2 or features.shape[1] != dim or not len(features):
        return Failure(f"{name} gave features of shape {features.shape} instead of (T, {dim})")
    return features if np.isfinite(features).all() else Failure(f"{name} gave NaN or infinite features")


def words_alone(utterance: Utterance) -> Clip:
    """The utterance without its recording: enough for words and dialogue."""
    return Clip(name=utterance.id, digest="", kind="text", text=utterance.text, dialogue=utterance.dialogue)


def decoded(utterance: Utterance, *, faces: bool) -> Clip:
    """The utterance's clip; with its main face followed, if asked.

    Raises:
        MediaError: nothing of its file can be used.
    """
    from mmer_core.media import load_clip

    assert utterance.path is not None
    clip = replace(load_clip(utterance.path, text=utterance.text), dialogue=utterance.dialogue)
    if faces and clip.frames is not None:
        from mmer_core.faces import find_faces

        clip = find_faces(clip)
    return clip
