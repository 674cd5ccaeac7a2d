"""A clip with everything that was found in it: the slow half of an answer, made once and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mmer_core.clip import Absent, Clip
from mmer_core.encoders.base import EncoderUnavailable, ModalityEncoder
from mmer_core.labels import Modality
from mmer_core.media.faces import find_faces
from mmer_core.media.loading import load_clip, text_clip
from mmer_core.media.speech import Segment, SpeechUnavailable, Transcript, transcribe

Progress = Callable[[str], None]
SWITCHED_OFF = "switched off"


@dataclass(frozen=True, eq=False)
class Observation:
    """A clip with everything that was found in it; `EmotionModel.fuse` needs nothing else.

    Attributes:
        clip: with faces and transcript filled in.
        features: {modality: (T, D) float32} of what is present.
        absent: {modality: reason} for the rest.
        timings: {step: seconds}.
        transcribed: the words come from speech recognition, not from a person.
        segments: the stretches of speech that were recognised, with their times; they stay when a person
            corrects the words.
    """

    clip: Clip
    features: dict[Modality, np.ndarray]
    absent: dict[Modality, str]
    timings: dict[str, float] = field(default_factory=dict)
    transcribed: bool = False
    segments: tuple[Segment, ...] = ()


def as_clip(clip: Clip | str | Path | None, text: str | None) -> Clip:
    """A clip, decoded if it is a file, with `text` as its words; the text alone where there is none.

    Raises:
        MediaError: nothing can be read from the file.
        ValueError: neither a clip nor a text.
    """
    if isinstance(clip, Clip):
        return clip if text is None else clip.with_text(text)
    if clip is not None:
        return load_clip(clip, text=text)
    if not (text or "").strip():
        raise ValueError("nothing to analyse: give a clip or a text")
    return text_clip(text or "")


def observe(
    clip: Clip,
    encoders: Mapping[Modality, ModalityEncoder],
    wanted: Collection[Modality],
    progress: Progress | None = None,
) -> Observation:
    """Find faces and recognise speech where an encoder needs them, and run every encoder that is wanted.

    Args:
        clip: decoded input; its own text, if any, is used instead of speech recognition.
        encoders: of the model.
        wanted: modalities to spend time on; the others are absent as switched off.
        progress: called with the name of each step as it starts: "faces", "speech", then modalities.
    """
    used = {m: encoder for m, encoder in encoders.items() if m in wanted}
    watch = _Stopwatch(progress)
    if (
        clip.faces is None
        and clip.frames is not None
        and any(encoder.spec.needs_faces for encoder in used.values())
    ):
        with watch.step("faces"):
            clip = find_faces(clip)
    transcript = Transcript("", (), 0.0)
    if Modality.TEXT in used and clip.text is None and clip.waveform is not None:
        with watch.step("speech"):
            clip, transcript = _with_transcript(clip, clip.waveform)
    features: dict[Modality, np.ndarray] = {}
    absent = {m: SWITCHED_OFF for m in encoders if m not in wanted}
    for modality, encoder in used.items():
        with watch.step(modality.value):
            encode_into(features, absent, clip, modality, encoder)
    transcribed = bool(transcript.text.strip())
    return Observation(clip, features, absent, watch.seconds, transcribed, transcript.segments)


def encode_again(
    observation: Observation, clip: Clip, modality: Modality, encoder: ModalityEncoder | None
) -> Observation:
    """The observation with a clip that differs in one modality; only that modality's encoder, if there is
    one, runs.
    """
    if encoder is None:
        return replace(observation, clip=clip)
    features = {m: x for m, x in observation.features.items() if m != modality}
    absent = {m: reason for m, reason in observation.absent.items() if m != modality}
    encode_into(features, absent, clip, modality, encoder)
    return replace(observation, clip=clip, features=features, absent=absent)


def encode_into(
    features: dict[Modality, np.ndarray],
    absent: dict[Modality, str],
    clip: Clip,
    modality: Modality,
    encoder: ModalityEncoder,
) -> None:
    """Put the modality's features into `features`, or the reason why there are none into `absent`."""
    try:
        features[modality] = encoder.encode(clip)
    except (Absent, EncoderUnavailable) as reason:
        absent[modality] = str(reason)


def _with_transcript(clip: Clip, waveform: np.ndarray) -> tuple[Clip, Transcript]:
    """The clip with its transcript as text; an empty transcript, with the reason in the clip, without speech
    recognition.
    """
    try:
        transcript = transcribe(waveform)
    except SpeechUnavailable as reason:
        return replace(clip, absent={**clip.absent, Modality.TEXT: str(reason)}), Transcript("", (), 0.0)
    return clip.with_text(transcript.text), transcript


class _Stopwatch:
    """Seconds per step, telling `progress` when a step starts."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._progress = progress

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        if self._progress is not None:
            self._progress(name)
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = time.perf_counter() - started
