"""Speech to text, in English only.

Two passes: a voice activity detector finds speech, then whole stretches of it are transcribed. That is more
accurate than its own segments, which end at every short pause, and it keeps music and noise away,
for which the recogniser would invent words. It invents words for other languages too, but is then unsure of
them: such speech is known by that, and its words are left out.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.media.recogniser import REQUIREMENT, Recognised, SpeechUnavailable, model_folder, recogniser
from mmer_core.media.voice_activity import GRID, SILENT_LEVEL, loudest, raise_level, stretches

__all__ = [
    "RECOGNISER",
    "Segment",
    "SpeechUnavailable",
    "Transcript",
    "check_installed",
    "clean",
    "sounds_english",
    "transcribe",
    "voices",
    "with_voices",
]
log = logging.getLogger(__name__)

#: Part of the key of stored transcripts: raise the number with any change that gives other words.
RECOGNISER = f"Moonshine tiny, {REQUIREMENT}, settings 2"
QUIETEST = -85.0  # dBFS: a voice is looked for in what is too soft for its words
NOT_ENGLISH = "the speech does not sound like English, the only language that is recognised"
# words that the recogniser gives for short sounds without any
LONE_INVENTIONS = frozenset({"you", "uh", "um", "mm", "hmm"})
# Nats: the doubt at which a word piece speaks neither for English nor against it, and what a clip must have.
# Chosen on clips of RAVDESS, TESS, EMO-DB, ASED and nEMO; see docs/evidence.md.
DOUBT, EVIDENCE = 1.4, 1.0


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
    """

    text: str
    segments: tuple[Segment, ...]
    seconds: float
    left_out: str = ""


def transcribe(waveform: np.ndarray, spoken: Sequence[tuple[float, float]] | None = None) -> Transcript:
    """Transcribe English speech. The recogniser is loaded at the first call and works for one thread at a
    time.

    Silence, noise and music give an empty text, as do marks for music, letters outside the Latin alphabet and
    a lone "you" from a short sound; speech in another language gives one too, with the reason.

    Args:
        waveform: (N,) float32 mono at 16 kHz in [-1, 1].
        spoken: what `voices` found in it; looked for by default.

    Raises:
        SpeechUnavailable: the package is missing or its library cannot be loaded.
    """
    began = time.perf_counter()
    segments: list[Segment] = []
    heard: list[Recognised] = []
    if loudest(waveform) > SILENT_LEVEL:
        ear, level = recogniser(), raise_level(waveform)
        with ear.lock:
            found = ear.voices(level) if spoken is None else spoken
            for start, end in stretches(found, len(waveform) / SAMPLE_RATE):
                words = ear.words(level[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)])
                text = clean(words.text, end - start)
                if text:
                    heard.append(words)
                    segments.append(Segment(start, end, text))
    left_out = ""
    if heard and not sounds_english(heard):
        segments, left_out = [], NOT_ENGLISH
    text = " ".join(segment.text for segment in segments)
    return Transcript(text, tuple(segments), time.perf_counter() - began, left_out)


def sounds_english(heard: Sequence[Recognised]) -> bool:
    """Whether the recogniser is as sure of its words as with English speech: every word piece adds `DOUBT`
    minus its own doubt, and `EVIDENCE` is needed. So a single word must be quite clear, a sentence less.
    """
    doubt = np.concatenate([words.doubt for words in heard])
    return float((DOUBT - doubt).sum()) > EVIDENCE


def voices(waveform: np.ndarray) -> list[tuple[float, float]]:
    """Return the stretches of speech in any language, (start, end) in seconds, in order of time. Loads the
    recogniser like `transcribe`.

    Args:
        waveform: (N,) float32 mono at 16 kHz in [-1, 1].

    Raises:
        SpeechUnavailable: the package is missing or its library cannot be loaded.
    """
    if loudest(waveform) <= QUIETEST:
        return []
    ear = recogniser()
    with ear.lock:
        return ear.voices(raise_level(waveform))


def with_voices(clip: Clip) -> Clip:
    """The clip with `voices` filled in; without any where speech recognition is not installed."""
    if clip.voices is not None or clip.waveform is None:
        return clip
    try:
        found = voices(clip.waveform)
    except SpeechUnavailable as reason:
        log.info("%s", reason)
        found = []
    return replace(clip, voices=tuple(found))


def check_installed() -> None:
    """Raise SpeechUnavailable if the package is missing or carries no model; loads nothing."""
    model_folder()


def clean(text: str, seconds: float) -> str:
    """Return recognised words without typical inventions.

    Args:
        text: as recognised.
        seconds: length of the stretch.
    """
    words = re.sub(r"\s+", " ", re.sub("[♪♫]+", " ", text)).strip()
    letters = [c for c in words if c.isalpha()]
    if not letters or sum(c.isascii() for c in letters) < len(letters) / 2:
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
