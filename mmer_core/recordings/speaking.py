"""Voices and words of a piece."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from mmer_core.media import speech
from mmer_core.media.recognised import Recognised
from mmer_core.media.recogniser import DEFAULT, recogniser
from mmer_core.media.voice_activity import loudest, raise_level
from mmer_core.recordings.cutting import Span

REMEMBERED = 60  # utterances whose language speaks for that of a short one


class Listener:
    """Hears the pieces of a recording one after another.

    Args:
        words_from: name of the recogniser.

    Attributes:
        unavailable: why no words are recognised; "" if they are.
        language: code of the one heard last, see `speech.Transcript`.
    """

    def __init__(self, words_from: str = DEFAULT) -> None:
        self.unavailable = self.language = ""
        self._words_from = words_from
        self._recent: deque[Recognised] = deque(maxlen=REMEMBERED)

    def voices(self, waveform: np.ndarray) -> list[Span]:
        """(start, end) in seconds of the stretches in which somebody speaks, in order of time."""
        return speech.voices(waveform)

    def words(self, waveform: np.ndarray, spans: Sequence[Span]) -> tuple[list[str], str]:
        """The words of each span, "" for none, and why they are all left out; "" if they are not.

        Whether it is English is told from all spans together; where they are short, from what was heard
        before as well.
        """
        if self.unavailable or not spans or loudest(waveform) <= speech.SILENT_LEVEL:
            return [""] * len(spans), self.unavailable
        try:
            ear, level = recogniser(self._words_from), raise_level(waveform)
        except speech.SpeechUnavailable as reason:
            self.unavailable = str(reason)
            return [""] * len(spans), self.unavailable
        with ear.lock:
            heard = speech.hear(ear, level, spans, tuple(self._recent))
        self._recent.extend(heard.parts)
        self.language = heard.language
        return list(heard.texts), heard.left_out
