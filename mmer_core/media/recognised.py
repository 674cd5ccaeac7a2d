"""What a recogniser of speech is, and what it gives: words, and how sure it is of them or their language."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np


class SpeechUnavailable(RuntimeError):
    """The recogniser is not installed or does not run on this machine; the message says what to do."""


@dataclass(frozen=True)
class Recognised:
    """The words of a stretch of sound.

    Attributes:
        text: the words.
        doubt: (N,) float64, entropy in nats of each of its N word pieces, the end included: near 0 where the
            recogniser is sure. Empty of a recogniser that tells languages.
        language: code of the one that it was read in; "" of a recogniser that does not tell languages.
        languages: {code: probability} that it is spoken in, summing to 1; empty likewise.
    """

    text: str
    doubt: np.ndarray
    language: str = ""
    languages: Mapping[str, float] = field(default_factory=dict)


class Recogniser(Protocol):
    """Words. Hold `lock` while using it.

    Attributes:
        title: its name for people.
        languages: codes of those that it reads; empty for many, which it then tells apart itself.
    """

    title: str
    languages: tuple[str, ...]
    lock: threading.Lock

    def words(self, waveform: np.ndarray, language: str = "") -> Recognised:
        """The words of a stretch of speech, (N,) float32 at 16 kHz, at least a tenth of a second.

        Args:
            waveform: at most half a minute.
            language: code of the one to read it in; told from the sound where none is given.
        """
        ...
