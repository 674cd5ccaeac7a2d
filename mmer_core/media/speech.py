"""Speech to text with Moonshine tiny (Jeffries et al. 2024), whose weights lie inside the package
moonshine-voice. English only.

Two passes: the package's voice activity detector finds speech, then whole stretches of it are transcribed.
That is more accurate than the package's own segments, which end at every short pause, and it keeps music and
noise away from the recogniser, which would invent words for them.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.voice_activity import GRID, MARGIN, SILENT_LEVEL, loudest, raise_level, stretches

# 0.0.65 keeps 5 MB of memory a minute; later versions bring no model that loads
REQUIREMENT = "moonshine-voice==0.0.73"
#: Part of the key of stored transcripts: raise the number with any change that gives other words.
RECOGNISER = f"Moonshine tiny, {REQUIREMENT}, settings 1"
VOICE_THRESHOLD = 0.3  # of the detector's probability; shouting and crying are often below the package's 0.5
# seconds of silence before a clip; the detector carries the end of the last clip over into the next
FLUSH = 1.0
# words that the recogniser gives for short sounds without any
LONE_INVENTIONS = frozenset({"you", "uh", "um", "mm", "hmm"})


class SpeechUnavailable(RuntimeError):
    """The recogniser is not installed or does not run on this machine; the message says what to do."""


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
    """

    text: str
    segments: tuple[Segment, ...]
    seconds: float


def transcribe(waveform: np.ndarray) -> Transcript:
    """Transcribe English speech; other languages give wrong words. The recogniser is loaded at the first call
    and works for one thread at a time.

    Silence, noise and music give an empty text, as do marks for music, letters outside the Latin alphabet and
    a lone "you" from a short sound.

    Args:
        waveform: (N,) float32 mono at 16 kHz in [-1, 1].

    Raises:
        SpeechUnavailable: the package is missing or its library cannot be loaded.
    """
    began = time.perf_counter()
    segments: tuple[Segment, ...] = ()
    if loudest(waveform) > SILENT_LEVEL:
        recogniser = _recogniser()
        level = raise_level(waveform)
        with recogniser.lock:
            found = stretches(recogniser.voices(level), len(waveform) / SAMPLE_RATE)
            recognised = (
                Segment(
                    a, b, clean(recogniser.words(level[int(a * SAMPLE_RATE) : int(b * SAMPLE_RATE)]), b - a)
                )
                for a, b in found
            )
            segments = tuple(segment for segment in recognised if segment.text)
    return Transcript(" ".join(s.text for s in segments), segments, time.perf_counter() - began)


def voices(waveform: np.ndarray) -> list[tuple[float, float]]:
    """Return the stretches of speech in any language, (start, end) in seconds, in order of time. Loads the
    recogniser like `transcribe`.

    Args:
        waveform: (N,) float32 mono at 16 kHz in [-1, 1].

    Raises:
        SpeechUnavailable: the package is missing or its library cannot be loaded.
    """
    if loudest(waveform) <= SILENT_LEVEL:
        return []
    recogniser = _recogniser()
    with recogniser.lock:
        return recogniser.voices(raise_level(waveform))


def check_installed() -> None:
    """Raise SpeechUnavailable if the package is missing or carries no model; loads nothing."""
    _model_folder()


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


class _Recogniser:
    """The package's transcriber, loaded once; hold `lock` while using it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        try:
            # an import error also means a broken installation
            from moonshine_voice.transcriber import ModelArch, Transcriber
        except (ImportError, OSError) as error:
            raise SpeechUnavailable(
                f"speech recognition is not installed ({error}): run pip install {REQUIREMENT} or "
                "type what was said"
            ) from error
        self._transcriber, self._arch, self._folder = Transcriber, ModelArch.TINY, _model_folder()
        self._words = self._load({"vad_threshold": "0"})
        self._voices = self._load({"vad_threshold": str(VOICE_THRESHOLD), "skip_transcription": "true"})

    def voices(self, waveform: np.ndarray) -> list[tuple[float, float]]:
        """Return the stretches of speech, (start, end) in seconds."""
        # The library keeps one detector for the whole process, so a new transcriber would not forget the last
        # clip either.
        lines = _lines(
            self._voices, np.concatenate([np.zeros(int(FLUSH * SAMPLE_RATE), np.float32), waveform])
        )
        times = [(line.start_time - FLUSH, line.start_time + line.duration - FLUSH) for line in lines]
        return [(max(0.0, start), end) for start, end in times if end > MARGIN]

    def words(self, waveform: np.ndarray) -> str:
        """Return the words of a stretch of speech."""
        return " ".join(line.text.strip() for line in _lines(self._words, waveform))

    def _load(self, options: dict[str, str]) -> Any:
        from moonshine_voice.errors import MoonshineError

        try:
            return self._transcriber(
                self._folder,
                self._arch,
                options={"return_audio_data": "false", "identify_speakers": "false"} | options,
            )
        except (MoonshineError, OSError) as error:
            raise SpeechUnavailable(
                f"speech recognition does not start on this machine ({error}): type what was said instead"
            ) from error


_lock = threading.Lock()


def _recogniser() -> _Recogniser:
    with _lock:  # two first calls at once would load it twice
        return _loaded()


@cache
def _loaded() -> _Recogniser:
    return _Recogniser()


def _model_folder() -> Path:
    spec = find_spec("moonshine_voice")
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "assets" / "tiny-en"
        if path.is_dir():
            return path
    raise SpeechUnavailable(
        f"the package moonshine-voice carries no English model: run pip install {REQUIREMENT} or "
        "type what was said"
    )


def _lines(transcriber: Any, waveform: np.ndarray) -> Iterator[Any]:
    return iter(transcriber.transcribe_without_streaming(waveform.tolist(), SAMPLE_RATE).lines)
