"""The answer in windows that slide over a clip: each modality's opinion and the fused one, from the observation already made.

Windows are `WIDTH` = 2 s wide and start every `STEP` = .5 s, so neighbours share three quarters of what they see. The features are those of the
whole clip, cut by time; only sentences are encoded once more, each by itself, since the words of a clip are one vector.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.labels import Modality
from mmer_core.predictor import Observation, Predictor
from mmer_core.speech import SILENT_LEVEL, Segment, loudest
from mmer_core.timeline import Timeline

WIDTH = 2.0  # seconds of a window
STEP = 0.5  # seconds from one window to the next
SHORTEST = 3.0  # seconds; a shorter clip is one utterance and has one answer
SPOKEN = 0.25  # seconds of a sentence that lie in a window at least, for its words to count there
QUIET = 30.0  # dB below the loudest tenth of a second of the clip: there the voice rests
_Rows = tuple[list[np.ndarray | None], list[str | None]]


@dataclass(frozen=True)
class Windows:
    """W windows with what each modality's expert says in them, before anything is switched off.

    Attributes:
        starts: (W,) float64, seconds.
        ends: (W,) float64, seconds.
        duration: of the clip, seconds.
        logits: {modality: (W, C)} raw; rows of absent windows are NaN.
        present: (W, M) bool, columns in the model's order.
        reasons: {modality: why it is absent in each window, or None where it is there}.
        phrases: the sentences and when they are said.
    """

    starts: np.ndarray
    ends: np.ndarray
    duration: float
    logits: Mapping[Modality, torch.Tensor]
    present: torch.Tensor
    reasons: Mapping[Modality, tuple[str | None, ...]]
    phrases: tuple[Segment, ...]


def has_timeline(observation: Observation) -> bool:
    """Whether the clip is long enough for one, and has anything to go by."""
    return length(observation.clip) >= SHORTEST and bool(observation.features)


def look(predictor: Predictor, observation: Observation) -> Windows:
    """Ask every expert about every window: about .1 s for a minute of clip, and one short encoding per sentence.

    Raises:
        ValueError: the clip is shorter than `SHORTEST`.
    """
    duration = length(observation.clip)
    if duration < SHORTEST:
        raise ValueError(f"a timeline needs {SHORTEST:g} s of clip, this one has {duration:.1f} s: its one answer stands for all of it")
    count = int(np.ceil((duration - WIDTH) / STEP - 1e-9)) + 1
    starts = np.minimum(np.arange(count) * STEP, duration - WIDTH)
    ends = starts + WIDTH
    phrases = sentences(observation)
    parts = {m: _parts(predictor, observation, m, list(zip(starts, ends, strict=True)), phrases) for m in predictor.modalities}
    samples = [{m: row for m, (rows, _) in parts.items() if (row := rows[i]) is not None} for i in range(count)]
    present = torch.tensor([[m in sample for m in predictor.modalities] for sample in samples])
    return Windows(starts, ends, duration, predictor.opinions(samples), present, {m: tuple(reasons) for m, (_, reasons) in parts.items()}, phrases)


def fuse(predictor: Predictor, windows: Windows, use: Collection[Modality] | None = None) -> Timeline:
    """The timeline with the modalities in `use` (default: all). A millisecond, so that every toggle can ask again."""
    modalities = predictor.modalities
    on = torch.tensor([use is None or m in use for m in modalities])
    present = windows.present & on
    opinions = {m: _answers(predictor, windows, present & torch.tensor([m is other for other in modalities])) for m in modalities}
    reasons = {m: r if use is None or m in use else ("switched off",) * len(r) for m, r in windows.reasons.items()}
    centres = (windows.starts + windows.ends) / 2
    edges = np.concatenate([[0.0], (centres[1:] + centres[:-1]) / 2, [windows.duration]])
    fused = _answers(predictor, windows, present)
    labels = tuple(predictor.record["labels"])
    return Timeline(windows.starts, windows.ends, edges, labels, opinions, fused, reasons, windows.phrases, predictor.unsure_below)


def length(clip: Clip) -> float:
    """Seconds of sound or film in a clip; 0 for a picture or text."""
    if clip.kind in ("picture", "text"):
        return 0.0
    sound = 0.0 if clip.waveform is None else len(clip.waveform) / SAMPLE_RATE
    return max(clip.duration, sound)


def sentences(observation: Observation) -> tuple[Segment, ...]:
    """The words cut at full stops, each sentence with its time.

    A stretch of speech is timed by the recogniser; within it the sentences share the time by their letters. Words typed by a person share the
    time from the first to the last stretch of speech, or the whole clip where no speech was found.
    """
    clip, spoken = observation.clip, observation.spoken
    if not clip.text:
        return ()
    if observation.heard and spoken:
        return tuple(phrase for segment in spoken for phrase in _shared(segment))
    start, end = (spoken[0].start, spoken[-1].end) if spoken else (0.0, length(clip))
    return tuple(_shared(Segment(start, end, clip.text)))


def _shared(segment: Segment) -> Iterator[Segment]:
    pieces = [p for p in re.split(r"(?<=[.!?…])\s+", segment.text.strip()) if p]
    total = sum(len(p) for p in pieces)
    at = segment.start
    for piece in pieces:
        until = at + (segment.end - segment.start) * len(piece) / total
        yield Segment(at, until, piece)
        at = until


def _parts(
    predictor: Predictor, observation: Observation, modality: Modality, spans: Sequence[tuple[float, float]], phrases: Sequence[Segment]
) -> _Rows:
    """A modality's features in each window, (T, D) or None, and why there are none."""
    if modality not in observation.features:
        return [None] * len(spans), [observation.absent.get(modality, "not in this clip")] * len(spans)
    if modality is Modality.TEXT:
        return _words(predictor, observation.clip, spans, phrases)
    if modality is Modality.AUDIO:
        return _sound(predictor, observation, spans)
    if modality is Modality.VISUAL:
        return _faces(observation, spans)
    return [observation.features[modality]] * len(spans), [None] * len(spans)  # about the clip as a whole


def _words(predictor: Predictor, clip: Clip, spans: Sequence[tuple[float, float]], phrases: Sequence[Segment]) -> _Rows:
    encoder = predictor.encoders[Modality.TEXT]
    vectors = [encoder.encode(replace(clip, text=phrase.text)) for phrase in phrases]
    rows: list[np.ndarray | None] = []
    for start, end in spans:
        here = [v for v, p in zip(vectors, phrases, strict=True) if min(end, p.end) - max(start, p.start) >= min(SPOKEN, p.end - p.start)]
        rows.append(np.concatenate(here) if here else None)
    return rows, _why(rows, "nobody speaks here")


def _sound(predictor: Predictor, observation: Observation, spans: Sequence[tuple[float, float]]) -> _Rows:
    features, waveform = observation.features[Modality.AUDIO], observation.clip.waveform
    rate = predictor.encoders[Modality.AUDIO].spec.rate
    if rate is None or waveform is None:  # one vector for the whole clip cannot be cut
        return [features] * len(spans), [None] * len(spans)
    times = (np.arange(len(features)) + 0.5) / rate
    floor = max(SILENT_LEVEL, loudest(waveform) - QUIET)
    rows: list[np.ndarray | None] = []
    for start, end in spans:
        inside = features[(times >= start) & (times < end)]
        audible = loudest(waveform[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]) > floor
        rows.append(inside if audible and len(inside) else None)
    return rows, _why(rows, "nothing to hear here")


def _faces(observation: Observation, spans: Sequence[tuple[float, float]]) -> _Rows:
    features, faces = observation.features[Modality.VISUAL], observation.clip.faces
    if faces is None or len(faces) != len(features):  # features of whole frames, or of the clip
        return [features] * len(spans), [None] * len(spans)
    inside = [features[(faces.times >= start) & (faces.times < end)] for start, end in spans]
    rows = [part if len(part) else None for part in inside]
    return rows, _why(rows, "no face here")


def _why(rows: Sequence[np.ndarray | None], reason: str) -> list[str | None]:
    return [reason if row is None else None for row in rows]


def _answers(predictor: Predictor, windows: Windows, present: torch.Tensor) -> np.ndarray:
    """(W, C) float64 probabilities from what is present (W, M); NaN where nothing is."""
    with torch.inference_mode():
        logits, _ = predictor.model.combine(windows.logits, present)
    answers: np.ndarray = logits.double().softmax(dim=-1).numpy().copy()
    answers[~present.any(dim=1).numpy()] = np.nan
    return answers
