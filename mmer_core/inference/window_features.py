"""The features of a clip in each of its windows, cut by time as the encoder's `timing` allows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Absent, Clip
from mmer_core.encoders.base import ModalityEncoder
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.observation import Observation
from mmer_core.labels import Modality
from mmer_core.media.speech import Segment
from mmer_core.media.voice_activity import SILENT_LEVEL, loudest, spoken_part

SPOKEN = 0.25  # seconds of a sentence that lie in a window at least, for its words to count there
QUIET = 30.0  # dB below the loudest tenth of a second of the clip: there the voice rests
Rows = tuple[list[np.ndarray | None], list[str | None]]
Spans = Sequence[tuple[float, float]]


def window_features(
    model: EmotionModel,
    observation: Observation,
    modality: Modality,
    spans: Spans,
    phrases: Sequence[Segment],
) -> Rows:
    """A modality's features in each window, (T, D) or None, and why there are none.

    Args:
        spans: (start, end) of each window, seconds.
        phrases: the sentences and when they are said.
    """
    if modality not in observation.features:
        return [None] * len(spans), [observation.absent.get(modality, "not in this clip")] * len(spans)
    encoder, features = model.encoders[modality], observation.features[modality]
    match encoder.spec.timing:
        case "sentences":
            return _of_sentences(encoder, observation.clip, spans, phrases)
        case "rate":
            return _of_frames(encoder, features, observation.clip, spans)
        case "faces" if (faces := observation.clip.faces) is not None:
            return _at_times(features, faces.times, spans, "no face here")
        case "frames" if (times := observation.clip.times) is not None:
            return _at_times(features, times, spans, "no picture here")
    return _of_the_clip(features, spans)


def sentences(observation: Observation, duration: float) -> tuple[Segment, ...]:
    """The words cut at full stops, each sentence with its time.

    A stretch of speech is timed by the recogniser; within it the sentences share the time by their letters.
    Words typed by a person share the time from the first to the last stretch of speech, or the whole clip, of
    `duration` seconds, where no speech was found.
    """
    clip, segments = observation.clip, observation.segments
    if not clip.text:
        return ()
    if observation.transcribed and segments:
        return tuple(phrase for segment in segments for phrase in _shared(segment))
    start, end = (segments[0].start, segments[-1].end) if segments else (0.0, duration)
    return tuple(_shared(Segment(start, end, clip.text)))


def _shared(segment: Segment) -> Iterator[Segment]:
    pieces = [p for p in re.split(r"(?<=[.!?…])\s+", segment.text.strip()) if p]
    total = sum(len(p) for p in pieces)
    at = segment.start
    for piece in pieces:
        until = at + (segment.end - segment.start) * len(piece) / total
        yield Segment(at, until, piece)
        at = until


def _of_sentences(encoder: ModalityEncoder, clip: Clip, spans: Spans, phrases: Sequence[Segment]) -> Rows:
    vectors = [_encoded(encoder, replace(clip, text=phrase.text)) for phrase in phrases]
    rows: list[np.ndarray | None] = []
    for start, end in spans:
        here = [
            v
            for v, p in zip(vectors, phrases, strict=True)
            if v is not None and min(end, p.end) - max(start, p.start) >= min(SPOKEN, p.end - p.start)
        ]
        rows.append(np.concatenate(here) if here else None)
    return rows, _why(rows, "nobody speaks here")


def _encoded(encoder: ModalityEncoder, clip: Clip) -> np.ndarray | None:
    """Features of one sentence; None if there is nothing to encode in it."""
    try:
        return encoder.encode(clip)
    except Absent:
        return None


def _of_frames(encoder: ModalityEncoder, features: np.ndarray, clip: Clip, spans: Spans) -> Rows:
    rate, waveform = encoder.spec.rate, clip.waveform
    if rate is None or waveform is None:
        return _of_the_clip(features, spans)
    begin = 0.0
    if encoder.spec.spoken_part:
        begin = spoken_part(waveform, clip.voices or ())[0] / SAMPLE_RATE
    times = begin + (np.arange(len(features)) + 0.5) / rate
    floor = max(SILENT_LEVEL, loudest(waveform) - QUIET)
    rows: list[np.ndarray | None] = []
    for start, end in spans:
        inside = features[(times >= start) & (times < end)]
        audible = loudest(waveform[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]) > floor
        rows.append(inside if audible and len(inside) else None)
    return rows, _why(rows, "nothing to hear here")


def _at_times(features: np.ndarray, times: np.ndarray, spans: Spans, reason: str) -> Rows:
    if len(times) != len(features):
        return _of_the_clip(features, spans)
    inside = [features[(times >= start) & (times < end)] for start, end in spans]
    rows = [part if len(part) else None for part in inside]
    return rows, _why(rows, reason)


def _of_the_clip(features: np.ndarray, spans: Spans) -> Rows:
    return [features] * len(spans), [None] * len(spans)


def _why(rows: Sequence[np.ndarray | None], reason: str) -> list[str | None]:
    return [reason if row is None else None for row in rows]
