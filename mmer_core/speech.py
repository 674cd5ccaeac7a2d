"""Speech to text with Moonshine tiny (Jeffries et al. 2024), whose weights lie inside the package moonshine-voice. English only.

Two passes: the package's voice activity detector says where somebody speaks, then whole stretches of speech are transcribed. That is more accurate
than the package's own cutting at every short pause, and it keeps music and noise away from the recogniser, which would invent words for them.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mmer_core.clip import SAMPLE_RATE

REQUIREMENT = "moonshine-voice==0.0.73"  # 0.0.65 keeps 5 MB of memory a minute; later versions bring no model that loads
SILENT_LEVEL = -65.0  # dBFS: the loudest tenth of a second of a recording in which there is nothing to hear
SPEECH_LEVEL = -20.0  # dBFS: quiet recordings are raised to this
MAX_GAIN = 40.0  # dB
VOICE_THRESHOLD = 0.3  # of the detector's probability; shouting and crying are often below the package's 0.5
SHORTEST_VOICE = 0.3  # seconds; clicks and breaths are shorter than any word that matters
LONGEST_PAUSE = 1.0  # seconds between two stretches that are still transcribed together
LONGEST_STRETCH = 24.0  # seconds; the recogniser was trained on up to 30
MARGIN = 0.1  # seconds of sound kept at least on both sides of a stretch, since the detector notices voices late
GRID = 0.5  # seconds; a stretch begins and ends on this grid, so that a small wobble of the detector does not change the words
FLUSH = 1.0  # seconds of silence before a clip; the detector carries what it heard in the last clip over into the next
LONE_INVENTIONS = frozenset({"you", "uh", "um", "mm", "hmm"})  # what the recogniser says when a short sound had no words


class SpeechUnavailable(RuntimeError):
    """The recogniser is not installed or does not run on this machine; the message says what to do."""


@dataclass(frozen=True)
class Segment:
    """A stretch of speech: seconds from the start of the clip, and what was said."""

    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Transcript:
    """What was said.

    Attributes:
        text: the segments joined; empty if nobody spoke.
        segments: in order of time.
        seconds: how long the transcription took.
    """

    text: str
    segments: tuple[Segment, ...]
    seconds: float


def transcribe(waveform: np.ndarray) -> Transcript:
    """Write down English speech; other languages give wrong words. The recogniser is loaded at the first call and works for one thread at a time.

    Silence, noise and music give an empty text, as do marks for music, letters outside the Latin alphabet and a lone "you" from a short sound.

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
            heard = (Segment(a, b, clean(recogniser.words(level[int(a * SAMPLE_RATE) : int(b * SAMPLE_RATE)]), b - a)) for a, b in found)
            segments = tuple(segment for segment in heard if segment.text)
    return Transcript(" ".join(s.text for s in segments), segments, time.perf_counter() - began)


def voices(waveform: np.ndarray) -> list[tuple[float, float]]:
    """Where somebody speaks, in any language: (start, end) in seconds, in order of time. Loads the recogniser like `transcribe`.

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


def loudest(waveform: np.ndarray) -> float:
    """Level of the loudest tenth of a second in dBFS; -inf for silence and for less than that."""
    size = SAMPLE_RATE // 10
    blocks = waveform[: len(waveform) // size * size].reshape(-1, size)
    power = float(np.max(np.mean(np.square(blocks, dtype=np.float64), axis=1), initial=0.0))
    return 10 * np.log10(power) if power > 0 else -np.inf


def raise_level(waveform: np.ndarray) -> np.ndarray:
    """The waveform with its loudest tenth of a second at least at `SPEECH_LEVEL`, raised by at most `MAX_GAIN`, clipped to [-1, 1]."""
    gain = float(np.clip(SPEECH_LEVEL - loudest(waveform), 0.0, MAX_GAIN))
    return np.clip(waveform * 10 ** (gain / 20), -1.0, 1.0).astype(np.float32)


def stretches(voices: Sequence[tuple[float, float]], duration: float) -> list[tuple[float, float]]:
    """Join the detector's pieces over pauses of up to `LONGEST_PAUSE` to stretches of up to `LONGEST_STRETCH`, with a margin.

    Args:
        voices: (start, end) in seconds, in order of time; they may overlap a little.
        duration: of the recording, seconds.
    """
    joined: list[list[float]] = []
    for start, end in voices:
        if joined and start - joined[-1][1] <= LONGEST_PAUSE and end - joined[-1][0] <= LONGEST_STRETCH:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([start, end])
    kept = [(a, b) for a, b in joined if b - a >= SHORTEST_VOICE]
    edges = [(max(0.0, GRID * math.floor((a - MARGIN) / GRID)), min(duration, GRID * math.ceil((b + MARGIN) / GRID))) for a, b in kept]
    # neighbours share the pause between them
    for i in range(1, len(edges)):
        if edges[i - 1][1] > edges[i][0]:
            middle = (kept[i - 1][1] + kept[i][0]) / 2
            edges[i - 1], edges[i] = (edges[i - 1][0], middle), (middle, edges[i][1])
    return edges


def clean(text: str, seconds: float) -> str:
    """What is left of recognised words once typical inventions are gone.

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
    """Cut where up to `longest` words are said more than `most` times on end: the recogniser has lost its way there."""
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
            raise SpeechUnavailable(f"speech recognition is not installed ({error}): run pip install {REQUIREMENT} or type what was said") from error
        self._transcriber, self._arch, self._folder = Transcriber, ModelArch.TINY, _model_folder()
        self._words = self._load({"vad_threshold": "0"})
        self._voices = self._load({"vad_threshold": str(VOICE_THRESHOLD), "skip_transcription": "true"})

    def voices(self, waveform: np.ndarray) -> list[tuple[float, float]]:
        """Where somebody speaks, (start, end) in seconds."""
        # The library keeps one detector for the whole process, so a new transcriber would not forget the last clip either.
        lines = _lines(self._voices, np.concatenate([np.zeros(int(FLUSH * SAMPLE_RATE), np.float32), waveform]))
        times = [(line.start_time - FLUSH, line.start_time + line.duration - FLUSH) for line in lines]
        return [(max(0.0, start), end) for start, end in times if end > MARGIN]

    def words(self, waveform: np.ndarray) -> str:
        """What is said in a stretch of speech."""
        return " ".join(line.text.strip() for line in _lines(self._words, waveform))

    def _load(self, options: dict[str, str]) -> Any:
        from moonshine_voice.errors import MoonshineError

        try:
            return self._transcriber(self._folder, self._arch, options={"return_audio_data": "false", "identify_speakers": "false"} | options)
        except (MoonshineError, OSError) as error:
            raise SpeechUnavailable(f"speech recognition does not start on this machine ({error}): type what was said instead") from error


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
    raise SpeechUnavailable(f"the package moonshine-voice carries no English model: run pip install {REQUIREMENT} or type what was said")


def _lines(transcriber: Any, waveform: np.ndarray) -> Iterator[Any]:
    return iter(transcriber.transcribe_without_streaming(waveform.tolist(), SAMPLE_RATE).lines)
