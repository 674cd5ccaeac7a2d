"""Encoding utterances one after the other into the feature store, as each process of an extraction does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np

from mmer_core.clip import Absent, Clip
from mmer_core.corpora.manifest import Utterance
from mmer_core.encoders.base import ModalityEncoder
from mmer_core.features.index import StoredTranscript
from mmer_core.features.keys import PARTS
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
    """The result for one utterance and one request: encoded, kept from before, or why not."""

    id: str
    request: str
    kind: Literal["encoded", "kept", "absent", "failed"]
    reason: str = ""


class Failure(NamedTuple):
    """Why a clip could not be read or encoded."""

    reason: str


#: Features (T, D), the reason why the modality is absent, or why it failed.
Result = np.ndarray | str | Failure


class Keeps(Protocol):
    """What a worker stores in: a `FeatureStore`, or what is sent to one."""

    def transcript(self, recording: str) -> StoredTranscript | None:
        """The recognised words of a recording; None where it was not listened to."""

    def add_transcripts(self, transcripts: Mapping[str, StoredTranscript]) -> None:
        """See `FeatureStore`."""

    def add(self, encoder: str, features: Mapping[str, np.ndarray | str]) -> None:
        """See `FeatureStore`."""

    def add_failures(self, encoder: str, reasons: Mapping[str, str]) -> None:
        """See `FeatureStore`."""


class Worker:
    """Encodes and stores; one per process.

    Args:
        store: where to.
        encoders: {request: encoder}.
    """

    def __init__(self, store: Keeps, encoders: dict[str, ModalityEncoder]) -> None:
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
        """The result of each encoder for one utterance. A file of it is decoded only if one of them reads it,
        or if its words are still to be recognised; these are added to `transcripts`.
        """
        utterance = task.utterance
        wanted = {request: self._encoders[request] for request in task.wanted}
        transcript = self._store.transcript(task.transcript) if task.transcript else None
        transcribe = bool(task.transcript) and transcript is None
        parts = {"recording", "words"} if transcribe else {"recording"}
        reading = {
            request: utterance.recording(encoder.spec.modality)
            for request, encoder in wanted.items()
            if PARTS[encoder.spec.modality] in parts
        }
        clips: dict[Path | None, Clip | Failure] = {}
        for file in dict.fromkeys(reading.values()):
            faces = any(wanted[r].spec.needs_faces for r, read in reading.items() if read == file)
            clips[file] = _decoded_or_not(utterance, file, faces=faces)
        words: Clip | Failure = without_recording(utterance)
        if transcribe:
            source = clips[utterance.recording(Modality.TEXT)]
            found = source if isinstance(source, Failure) else recognised(source)
            if isinstance(found, Failure):
                words = found
            else:
                transcript = transcripts[task.transcript] = found
        if transcript is not None and not isinstance(words, Failure):
            words = with_transcript(words, transcript)
        results: dict[str, Result] = {}
        for request, encoder in wanted.items():
            read = PARTS[encoder.spec.modality] == "recording"
            clip = clips[reading[request]] if read else words
            if PARTS[encoder.spec.modality] == "place":
                clip = without_recording(utterance)
            results[request] = clip if isinstance(clip, Failure) else encode(encoder, clip)
        return results


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
        found = speech.transcribe(clip.waveform)
    except speech.SpeechUnavailable as error:
        return Failure(str(error))
    except Exception as error:
        # the recogniser is a foreign library: its row says so, and the others go on
        log.debug("speech recognition failed on %s", clip.name, exc_info=True)
        return Failure(f"speech recognition failed on it ({_named(error)})")
    if found.left_out:
        return StoredTranscript("", f"no words: {found.left_out}")
    return StoredTranscript(found.text, "" if found.text else "no words: speech recognition found none")


def with_transcript(clip: Clip, transcript: StoredTranscript) -> Clip:
    """Return the clip with recognised words, or with the reason why there are none."""
    if transcript.text:
        return clip.with_text(transcript.text)
    return replace(clip, absent={**clip.absent, Modality.TEXT: transcript.reason})


def without_recording(utterance: Utterance) -> Clip:
    """Return the utterance's words and its place in the dialogue as a clip; nothing is decoded."""
    return Clip(name=utterance.id, digest="", kind="text", text=utterance.text, dialogue=utterance.dialogue)


def _decoded_or_not(utterance: Utterance, file: Path | None, *, faces: bool) -> Clip | Failure:
    """What `decoded` returns, or why it could not."""
    from mmer_core.media.loading import MediaError

    try:
        return decoded(utterance, file, faces=faces)
    except MediaError as error:
        return Failure(str(error))


def decoded(utterance: Utterance, file: Path | None = None, *, faces: bool) -> Clip:
    """Return the utterance's clip; with its main face followed, if asked.

    Args:
        utterance: the row of the manifest.
        file: one of its files; the first by default.
        faces: follow the main face.

    Raises:
        MediaError: nothing of its file can be used.
    """
    from mmer_core.media.loading import load_clip

    file = file or utterance.path
    assert file is not None
    clip = replace(load_clip(file, text=utterance.text), dialogue=utterance.dialogue)
    if faces and clip.frames is not None:
        from mmer_core.media.faces import find_faces

        clip = find_faces(clip)
    return clip


def _named(error: Exception) -> str:
    """Name an exception with the first line of its message."""
    message = str(error).strip().splitlines()
    return f"{type(error).__name__}{': ' + message[0] if message else ''}"
