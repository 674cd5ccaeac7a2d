"""Encoding utterances one after the other into the feature store, as each process of an extraction does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from mmer_core.clip import Absent, Clip
from mmer_core.corpora.manifest import Utterance
from mmer_core.encoders.base import ModalityEncoder
from mmer_core.features.index import StoredTranscript
from mmer_core.features.keys import PARTS
from mmer_core.features.store import FeatureStore
from mmer_core.labels import Modality

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One utterance to encode.

    Attributes:
        utterance: the row of the manifest.
        wanted: {request: key} of the features.
        transcript: key of the recording whose words are to be recognised; "" where words were given or no
            encoder reads them.
    """

    utterance: Utterance
    wanted: dict[str, str]
    transcript: str = ""


class Outcome(NamedTuple):
    """The result for one utterance and one request: encoded, or why not."""

    id: str
    request: str
    kind: Literal["encoded", "absent", "failed"]
    reason: str = ""


class Failure(NamedTuple):
    """Why a clip could not be read or encoded."""

    reason: str


#: Features (T, D), the reason why the modality is absent, or why it failed.
Result = np.ndarray | str | Failure


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
        """Encode some utterances, then store the results. Where `stopped` says so, the rest is left for
        another time.
        """
        outcomes: list[Outcome] = []
        features: dict[str, dict[str, np.ndarray | str]] = {}
        failures: dict[str, dict[str, str]] = {}
        transcripts: dict[str, StoredTranscript] = {}
        for task in tasks:
            if stopped():
                break
            for request, result in self._encode_one(task, transcripts).items():
                key = task.wanted[request]
                if isinstance(result, Failure):
                    failures.setdefault(request, {})[key] = result.reason
                    outcomes.append(Outcome(task.utterance.id, request, "failed", result.reason))
                    continue
                features.setdefault(request, {})[key] = result
                outcomes.append(
                    Outcome(task.utterance.id, request, "absent", result)
                    if isinstance(result, str)
                    else Outcome(task.utterance.id, request, "encoded")
                )
        self._store.add_transcripts(transcripts)
        for request, rows in features.items():
            self._store.add(self._encoders[request].spec.fingerprint, rows)
        for request, reasons in failures.items():
            self._store.add_failures(self._encoders[request].spec.fingerprint, reasons)
        return outcomes

    def _encode_one(self, task: Task, transcripts: dict[str, StoredTranscript]) -> dict[str, Result]:
        """The result of each encoder for one utterance. Its file is decoded only if one of them reads it, or
        if its words are still to be recognised; these are added to `transcripts`.
        """
        from mmer_core.media.loading import MediaError

        wanted = {request: self._encoders[request] for request in task.wanted}
        transcript = self._store.transcript(task.transcript) if task.transcript else None
        transcribe = bool(task.transcript) and transcript is None
        reading = {r for r, encoder in wanted.items() if PARTS[encoder.spec.modality] == "recording"}
        if transcribe:
            reading |= {r for r, encoder in wanted.items() if PARTS[encoder.spec.modality] == "words"}
        clip, failed = without_recording(task.utterance), {}
        if reading:
            try:
                clip = decoded(task.utterance, faces=any(e.spec.needs_faces for e in wanted.values()))
            except MediaError as error:
                failed = {request: Failure(str(error)) for request in reading}
        if transcribe and not failed:
            found = recognised(clip)
            if isinstance(found, Failure):
                failed = {r: found for r in wanted if PARTS[wanted[r].spec.modality] == "words"}
            else:
                transcript = transcripts[task.transcript] = found
        if transcript is not None:
            clip = with_transcript(clip, transcript)
        return {r: failed[r] if r in failed else encode(encoder, clip) for r, encoder in wanted.items()}


def encode(encoder: ModalityEncoder, clip: Clip) -> Result:
    """Encode a clip; whatever goes wrong with it is a reason, never an exception."""
    name, dim = encoder.spec.name, encoder.spec.dim
    try:
        features = encoder.encode(clip)
    except Absent as reason:
        return str(reason)
    except Exception as error:
        # any library may throw anything at one odd clip: its row says so, and the others go on
        log.debug("%s failed on %s", name, clip.name, exc_info=True)
        return Failure(f"{name} failed on it ({_named(error)})")
    if features.ndim != 2 or features.shape[1] != dim or not len(features):
        return Failure(f"{name} gave features of shape {features.shape} instead of (T, {dim})")
    return features if np.isfinite(features).all() else Failure(f"{name} gave NaN or infinite features")


def recognised(clip: Clip) -> StoredTranscript | Failure:
    """Recognise the words of a clip; whatever goes wrong with it is a reason, never an exception."""
    from mmer_core.media import speech

    if clip.waveform is None:
        reason = clip.absent.get(Modality.AUDIO, "the clip has no sound")
        return StoredTranscript("", f"no words: there is nothing to recognise, {reason}")
    try:
        text = speech.transcribe(clip.waveform).text
    except speech.SpeechUnavailable as error:
        return Failure(str(error))
    except Exception as error:
        # the recogniser is a foreign library: its row says so, and the others go on
        log.debug("speech recognition failed on %s", clip.name, exc_info=True)
        return Failure(f"speech recognition failed on it ({_named(error)})")
    return StoredTranscript(text, "" if text else "no words: speech recognition found none")


def with_transcript(clip: Clip, transcript: StoredTranscript) -> Clip:
    """Return the clip with recognised words, or with the reason why there are none."""
    if transcript.text:
        return clip.with_text(transcript.text)
    return replace(clip, absent={**clip.absent, Modality.TEXT: transcript.reason})


def without_recording(utterance: Utterance) -> Clip:
    """Return the utterance's words and its place in the dialogue as a clip; nothing is decoded."""
    return Clip(name=utterance.id, digest="", kind="text", text=utterance.text, dialogue=utterance.dialogue)


def decoded(utterance: Utterance, *, faces: bool) -> Clip:
    """Return the utterance's clip; with its main face followed, if asked.

    Raises:
        MediaError: nothing of its file can be used.
    """
    from mmer_core.media.loading import load_clip

    assert utterance.path is not None
    clip = replace(load_clip(utterance.path, text=utterance.text), dialogue=utterance.dialogue)
    if faces and clip.frames is not None:
        from mmer_core.media.faces import find_faces

        clip = find_faces(clip)
    return clip


def _named(error: Exception) -> str:
    """Name an exception with the first line of its message."""
    message = str(error).strip().splitlines()
    return f"{type(error).__name__}{': ' + message[0] if message else ''}"
