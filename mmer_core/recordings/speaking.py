"""Voices and words of a piece, from the speech recogniser; without it, where the sound is loud."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

import numpy as np

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media import speech
from mmer_core.media.recogniser import Recognised, recogniser
from mmer_core.media.voice_activity import QUIET, SHORTEST_VOICE, block_power, loudest, raise_level, runs
from mmer_core.recordings.cutting import Span

REMEMBERED = 60  # utterances whose language speaks for that of a short one
FEW = 25  # word pieces; fewer say too little about their language
LEAST_SAMPLES = SAMPLE_RATE // 10
_BLOCK = 0.05  # seconds
log = logging.getLogger(__name__)


class Listener:
    """Hears the pieces of a recording one after another.

    Attributes:
        unavailable: why no words are recognised; "" if they are.
    """

    def __init__(self) -> None:
        self.unavailable = ""
        self._recent: deque[Recognised] = deque(maxlen=REMEMBERED)

    def voices(self, waveform: np.ndarray) -> list[Span]:
        """(start, end) in seconds of the stretches in which somebody speaks, in order of time."""
        try:
            return speech.voices(waveform)
        except speech.SpeechUnavailable as reason:
            self.unavailable = str(reason)
            return loud_spans(waveform)

    def words(self, waveform: np.ndarray, spans: Sequence[Span]) -> tuple[list[str], str]:
        """The words of each span, "" for none, and why they are all left out; "" if they are not.

        Whether it is English is told from all spans together; where they are short, from what was heard
        before as well.
        """
        if self.unavailable or not spans or loudest(waveform) <= speech.SILENT_LEVEL:
            return [""] * len(spans), self.unavailable
        try:
            ear, level = recogniser(), raise_level(waveform)
        except speech.SpeechUnavailable as reason:
            self.unavailable = str(reason)
            return [""] * len(spans), self.unavailable
        texts: list[str] = []
        heard: list[Recognised] = []
        with ear.lock:
            for start, end in spans:
                part = level[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]
                found = ear.words(part) if len(part) >= LEAST_SAMPLES else None
                text = "" if found is None else speech.clean(found.text, end - start)
                texts.append(text)
                if text and found is not None:
                    heard.append(found)
        if heard and not self._english(heard):
            return [""] * len(spans), speech.NOT_ENGLISH
        self._recent.extend(heard)
        return texts, ""

    def _english(self, heard: Sequence[Recognised]) -> bool:
        few = sum(len(words.doubt) for words in heard) < FEW
        return speech.sounds_english(heard) or (
            few and bool(self._recent) and speech.sounds_english([*self._recent, *heard])
        )


def loud_spans(waveform: np.ndarray) -> list[Span]:
    """(start, end) in seconds of what is no more than `QUIET` dB below the loudest tenth of a second."""
    level = loudest(waveform)
    if level <= speech.SILENT_LEVEL:
        return []
    loud = runs(block_power(waveform, int(SAMPLE_RATE * _BLOCK)) >= 10 ** ((level - QUIET) / 10))
    spans = [(a * _BLOCK, b * _BLOCK) for a, b in loud]
    return [(a, b) for a, b in spans if b - a >= SHORTEST_VOICE]
