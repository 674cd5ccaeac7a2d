"""Speech to text, in English unless another recogniser than the default one is chosen.

Two passes: `voice_detector` finds speech, then whole stretches of it are transcribed. That is more accurate
than the detector's own stretches, which end at every short pause, and it keeps music and noise away, for
which the recogniser would invent words. In which language somebody speaks: `spoken_language`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.media.language import UNCLEAR
from mmer_core.media.moonshine import REQUIREMENT, model_folder
from mmer_core.media.recognised import Recognised, Recogniser, SpeechUnavailable
from mmer_core.media.recogniser import DEFAULT, check_name, recogniser
from mmer_core.media.spoken_language import KNOWN, is_english, spoken_language
from mmer_core.media.voice_activity import GRID, SILENT_LEVEL, loudest, raise_level, stretches

__all__ = [
    "RECOGNISER",
    "Heard",
    "Segment",
    "SpeechUnavailable",
    "Transcript",
    "check_installed",
    "clean",
    "hear",
    "transcribe",
    "voices",
    "with_voices",
]

#: Part of the key of stored transcripts: raise the number with any change that gives other words.
RECOGNISER = f"Moonshine tiny, {REQUIREMENT}, settings 3"
QUIETEST = -85.0  # dBFS: a voice is looked for in what is too soft for its words
NOT_ENGLISH = "the speech does not sound like English, the only language that is recognised"
# words that the recogniser gives for short sounds without any
LONE_INVENTIONS = frozenset({"you", "uh", "um", "mm", "hmm"})
LEAST_SAMPLES = SAMPLE_RATE // 10


@dataclass(frozen=True)
class Segment:
    """A stretch of speech: seconds from the start of the clip, and its words."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Transcript:
    """The words of a recording.

    Attributes:
        text: the segments joined; empty if nobody spoke.
        segments: in order of time.
        seconds: how long the transcription took.
        left_out: why words that were recognised are left out; empty if none were.
        language: code of the one that is spoken, `language.UNCLEAR` where no single one is likely; "" where
            the recogniser tells none.
        sure: probability of the likeliest language.
    """

    text: str
    segments: tuple[Segment, ...]
    seconds: float
    left_out: str = ""
    language: str = ""
    sure: float = 0.0


@dataclass(frozen=True)
class Heard:
    """What a recogniser made of some stretches.

    Attributes:
        texts: the words of each, "" for none.
        parts: of those that have words.
        left_out: why the words do not count; "" if they do.
        language, sure: see `Transcript`.
    """

    texts: tuple[str, ...]
    parts: tuple[Recognised, ...] = ()
    left_out: str = ""
    language: str = ""
    sure: float = 0.0


def transcribe(
    waveform: np.ndarray,
    spoken: Sequence[tuple[float, float]] | None = None,
    words_from: str = DEFAULT,
) -> Transcript:
    """Transcribe speech. The recogniser is loaded at the first speech and works for one thread at a time.

    Silence, noise and music give an empty text, as do marks for music and a lone "you" from a short sound;
    from the default recogniser, which reads English only, letters outside the Latin alphabet too, and speech
    in another language, with the reason.

    Args:
        waveform: (N,) float32 mono at 16 kHz in [-1, 1].
        spoken: what `voices` found in it; looked for by default.
        words_from: name of the recogniser.

    Raises:
        SpeechUnavailable: a package or the weights are missing, or the library cannot be loaded.
        UnknownRecogniser: an unknown name.
        WeightsUnavailable: the detector's weights are missing.
    """
    check_name(words_from)
    began = time.perf_counter()
    spans: list[tuple[float, float]] = []
    heard = Heard(())
    if loudest(waveform) > SILENT_LEVEL:
        level = raise_level(waveform)
        found = _find_voices(level) if spoken is None else spoken
        spans = stretches(found, len(waveform) / SAMPLE_RATE)
    if spans:
        ear = recogniser(words_from)
        with ear.lock:
            heard = hear(ear, level, spans)
    texts = zip(spans, heard.texts, strict=True)
    segments = () if heard.left_out else tuple(Segment(*span, text) for span, text in texts if text)
    return Transcript(
        " ".join(segment.text for segment in segments),
        segments,
        time.perf_counter() - began,
        heard.left_out,
        heard.language,
        heard.sure,
    )


def hear(
    ear: Recogniser,
    level: np.ndarray,
    spans: Sequence[tuple[float, float]],
    before: Sequence[Recognised] = (),
) -> Heard:
    """The words of some stretches, all in one language. It is told from all of them together, and where they
    say too little from what was heard before as well.

    Args:
        ear: the recogniser, whose lock is held.
        level: (N,) float32 at 16 kHz, from `raise_level`.
        spans: (start, end) of the stretches in seconds.
        before: stretches of the same recording that were heard before.
    """
    sounds = [level[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] for start, end in spans]
    found = [ear.words(sound) if len(sound) >= LEAST_SAMPLES else None for sound in sounds]
    language, sure = spoken_language([part for part in found if part and part.text], before)
    texts: list[str] = []
    parts: list[Recognised] = []
    for sound, part in zip(sounds, found, strict=True):
        read = part
        if part is not None and part.text and part.language != language:
            read = ear.words(sound, language)
        text = clean(read.text, len(sound) / SAMPLE_RATE, english=bool(ear.languages)) if read else ""
        texts.append(text)
        if text and read is not None:
            parts.append(read)
    if not parts:
        return Heard(tuple(texts))
    if not language and not is_english(parts, before):
        return Heard(("",) * len(texts), left_out=NOT_ENGLISH)
    told = UNCLEAR if language and sure < KNOWN else language
    return Heard(tuple(texts), tuple(parts), "", told, sure)


def voices(waveform: np.ndarray) -> list[tuple[float, float]]:
    """Return the stretches of speech in any language, (start, end) in seconds, in order of time.

    Args:
        waveform: (N,) float32 mono at 16 kHz in [-1, 1].

    Raises:
        WeightsUnavailable: the detector's weights are missing.
    """
    return _find_voices(raise_level(waveform)) if loudest(waveform) > QUIETEST else []


def with_voices(clip: Clip) -> Clip:
    """The clip with `voices` filled in."""
    if clip.voices is not None or clip.waveform is None:
        return clip
    return replace(clip, voices=tuple(voices(clip.waveform)))


def _find_voices(level: np.ndarray) -> list[tuple[float, float]]:
    from mmer_core.media.voice_detector import find_voices  # loads torch

    return find_voices(level)


def check_installed() -> None:
    """Raise SpeechUnavailable if the package is missing or carries no model; loads nothing."""
    model_folder()


def clean(text: str, seconds: float, *, english: bool = True) -> str:
    """Return recognised words without typical inventions.

    Args:
        text: as recognised.
        seconds: length of the stretch.
        english: only English is recognised, so that letters of another script are none.
    """
    words = re.sub(r"\s+", " ", re.sub("[♪♫]+", " ", text)).strip()
    letters = [c for c in words if c.isalpha()]
    if not letters or (english and sum(c.isascii() for c in letters) < len(letters) / 2):
        return ""
    if words.strip(" .,!?").lower() in LONE_INVENTIONS and seconds < 4 * GRID:
        return ""
    return _without_loops(words)


def _without_loops(text: str, longest: int = 8, most: int = 3) -> str:
    """Return the text up to where up to `longest` words are said more than `most` times on end: there the
    recogniser has lost its way.
    """
    words = text.split()
    keys = [w.strip(".,!?").lower() for w in words]
    for start in range(len(words)):
        for size in range(1, longest + 1):
            end = start + size * (most + 1)
            if end <= len(words) and keys[start:end] == keys[start : start + size] * (most + 1):
                return " ".join(words[: start + size])
    return text
