"""A clip with everything that was found in it: the slow half of an answer, made once and kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mmer_core.clip import Absent, Clip
from mmer_core.encoders.base import EncoderUnavailable, ModalityEncoder
from mmer_core.inference.baseline import Baseline
from mmer_core.inference.word_languages import heard_by, spoken, unread
from mmer_core.labels import Modality
from mmer_core.media.faces import find_faces
from mmer_core.media.loading import load_clip, text_clip
from mmer_core.media.recogniser import DEFAULT
from mmer_core.media.speech import Segment, SpeechUnavailable, Transcript, transcribe, with_voices

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
        left_out: why words that were said or typed do not count (another language); empty if they do.
        baseline: {modality: how the speaker usually is}, which the answer compares with; where there is none,
            with the average training speaker. See `EmotionModel.with_baseline`.
    """

    clip: Clip
    features: dict[Modality, np.ndarray]
    absent: dict[Modality, str]
    timings: dict[str, float] = field(default_factory=dict)
    transcribed: bool = False
    segments: tuple[Segment, ...] = ()
    left_out: str = ""
    baseline: Mapping[Modality, Baseline] = field(default_factory=dict)


def tone_and_grey() -> Clip:
    """A second of a tone under a grey frame, which every encoder can be run on."""
    tone = (0.1 * np.sin(np.arange(16_000) * 0.05)).astype(np.float32)
    frames = np.full((1, 360, 640, 3), 127, dtype=np.uint8)
    return Clip("warm-up", "", "video", 1.0, frames=frames, times=np.zeros(1), waveform=tone)


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
    *,
    languages: Collection[str] = (),
    found: Callable[[Observation], None] | None = None,
    words_from: str = DEFAULT,
) -> Observation:
    """Find faces and recognise speech where an encoder needs them, and run every encoder that is wanted.

    Args:
        clip: decoded input; its own text, if any, is used instead of speech recognition.
        encoders: of the model.
        wanted: modalities to spend time on; the others are absent as switched off.
        progress: called with the name of each step as it starts: "speech", "faces" and the modalities.
        found: called with what has been read so far, after each modality but the last.
        languages: codes of those whose words the model reads, "en" among them; words in another are left
            out, and of speech, where the recogniser tells no languages, all that are not English. Empty where
            they are not known, and every word counts.
        words_from: name of the speech recogniser.
    """
    used = {m: encoder for m, encoder in encoders.items() if m in wanted}
    watch = _Stopwatch(progress)
    transcript = Transcript("", (), 0.0)
    listens = Modality.TEXT in used and clip.text is None
    if clip.waveform is not None and (listens or any(e.spec.spoken_part for e in used.values())):
        with watch.step("speech"):
            clip = with_voices(clip)
            if listens:
                clip, transcript = _with_transcript(clip, words_from)
    features: dict[Modality, np.ndarray] = {}
    absent = {m: SWITCHED_OFF for m in encoders if m not in wanted}
    left_out = transcript.left_out
    known = spoken(languages, clip) if listens else languages
    # faces take longest, so what needs none is read, and told, before them
    for modality, encoder in sorted(used.items(), key=lambda item: item[1].spec.needs_faces):
        if encoder.spec.needs_faces and clip.faces is None and clip.frames is not None:
            with watch.step("faces"):
                clip = find_faces(clip)
        with watch.step(modality.value):
            reason = encode_into(features, absent, clip, modality, encoder, languages=known)
            left_out = left_out or reason
        if found is not None and len(features) + len(absent) < len(encoders):
            found(Observation(clip, dict(features), dict(absent)))
    transcribed = bool(transcript.text.strip())
    features = {m: features[m] for m in encoders if m in features}
    return Observation(
        clip, features, absent, watch.seconds, transcribed, transcript.segments, left_out=left_out
    )


def reword(
    observation: Observation,
    encoders: Mapping[Modality, ModalityEncoder],
    text: str,
    context: Sequence[str] | None = None,
    *,
    languages: Collection[str] = (),
) -> Observation:
    """See `EmotionModel.reword`."""
    clip = observation.clip.with_text(text)
    clip = clip if context is None else clip.after(context)
    transcribed = observation.transcribed and clip.text == observation.clip.text
    if transcribed:
        clip = replace(clip, language=observation.clip.language)
    known = spoken(languages, clip) if transcribed else languages
    found = encode_again(observation, clip, Modality.TEXT, encoders.get(Modality.TEXT), languages=known)
    for modality, encoder in encoders.items() if context is not None else ():
        if encoder.spec.reads_dialogue and modality is not Modality.TEXT:
            found = encode_again(found, clip, modality, encoder, languages=languages)
    return replace(found, transcribed=transcribed)


def follow(observation: Observation, encoder: ModalityEncoder | None, person: int) -> Observation:
    """See `EmotionModel.follow`."""
    people = observation.clip.people
    if not 0 <= person < len(people):
        raise ValueError(
            f"there is no face number {person + 1}: {len(people)} can be chosen, counted from the left"
        )
    return encode_again(
        observation, replace(observation.clip, faces=people[person]), Modality.VISUAL, encoder
    )


def encode_again(
    observation: Observation,
    clip: Clip,
    modality: Modality,
    encoder: ModalityEncoder | None,
    *,
    languages: Collection[str] = (),
) -> Observation:
    """The observation with a clip that differs in one modality; only that modality's encoder, if there is
    one, runs.
    """
    if encoder is None:
        return replace(observation, clip=clip)
    features = {m: x for m, x in observation.features.items() if m != modality}
    absent = {m: reason for m, reason in observation.absent.items() if m != modality}
    reason = encode_into(features, absent, clip, modality, encoder, languages=languages)
    left_out = reason if modality is Modality.TEXT else observation.left_out
    return replace(observation, clip=clip, features=features, absent=absent, left_out=left_out)


def encode_into(
    features: dict[Modality, np.ndarray],
    absent: dict[Modality, str],
    clip: Clip,
    modality: Modality,
    encoder: ModalityEncoder,
    *,
    languages: Collection[str] = (),
) -> str:
    """Put the modality's features into `features`, or the reason why there are none into `absent`.

    Returns:
        Why words that are there do not count, "" if they do.
    """
    reason = unread(clip, languages) if modality is Modality.TEXT else ""
    if reason:
        absent[modality] = reason
        return reason
    try:
        features[modality] = encoder.encode(clip)
    except (Absent, EncoderUnavailable) as nothing:
        absent[modality] = str(nothing)
    return ""


def _with_transcript(clip: Clip, words_from: str) -> tuple[Clip, Transcript]:
    """The clip with its transcript as text, and a note which recogniser heard it if that is not the default
    one; without speech recognition, and where the words are left out, an empty transcript, with the reason in
    the clip.
    """
    assert clip.waveform is not None
    try:
        transcript = transcribe(clip.waveform, clip.voices, words_from)
    except SpeechUnavailable as reason:
        return replace(clip, absent={**clip.absent, Modality.TEXT: str(reason)}), Transcript("", (), 0.0)
    if transcript.left_out:
        clip = replace(clip, absent={**clip.absent, Modality.TEXT: transcript.left_out})
    if transcript.text and words_from != DEFAULT:
        clip = replace(clip, notes=(*clip.notes, heard_by(words_from, transcript)))
    return replace(clip.with_text(transcript.text), language=transcript.language), transcript


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
