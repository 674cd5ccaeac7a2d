"""Whisper base (Radford et al. 2023), a recogniser for those who have its weights: it makes fewer mistakes
than Moonshine tiny, tells 99 languages apart, and takes longer, since it always hears half a minute.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Protocol, Self

import numpy as np

from mmer_core import config
from mmer_core.clip import SAMPLE_RATE
from mmer_core.media import whisper_files
from mmer_core.media.recognised import Recognised, SpeechUnavailable

MEL, FFT, HOP = 80, 400, 160
SECONDS = 30  # that it always hears; what is missing is silence
# Text of a stretch that has likely no words: the model says so and is unsure of what it wrote. As in the
# published transcription.
SILENCE, UNSURE = 0.6, -1.0
_PIECES_PER_SECOND, _LEAST_PIECES, _MOST_PIECES = 12, 12, 224  # more is a loop
_END = "<|endoftext|>"


@dataclass(frozen=True)
class Reading:
    """What the network makes of half a minute.

    Attributes:
        pieces: word pieces, in the letters that stand for bytes in its vocabulary.
        language: code of the one that it was read in.
        languages: {code: probability}, summing to 1.
        score: mean log probability of the pieces, nats.
        silence: probability that nobody speaks.
    """

    pieces: Sequence[str]
    language: str
    languages: Mapping[str, float]
    score: float
    silence: float


class Network(Protocol):
    """The network behind `WhisperBase`."""

    def read(self, mel: np.ndarray, language: str, most: int) -> Reading:
        """Read (80, 3000) float32 `log_mel` in a language, the most probable one where it is "", in at most
        `most` pieces.
        """
        ...


class WhisperBase:
    """Words in many languages. See `Recogniser`."""

    title = "Whisper base"
    languages: tuple[str, ...] = ()

    def __init__(self, network: Network) -> None:
        self.lock = threading.Lock()
        self._network = network

    @classmethod
    def load(cls) -> Self:
        """The recogniser with the published weights.

        Raises:
            SpeechUnavailable: the library or the weights are not on this machine, or do not run.
        """
        if (reason := whisper_files.missing()) is not None:
            raise SpeechUnavailable(reason)
        return cls(_CTranslate2(whisper_files.read_files()))

    def words(self, waveform: np.ndarray, language: str = "") -> Recognised:
        """The words of a stretch of speech, (N,) float32 at 16 kHz, at most half a minute."""
        seconds = len(waveform) / SAMPLE_RATE
        most = min(int(seconds * _PIECES_PER_SECOND) + _LEAST_PIECES, _MOST_PIECES)
        read = self._network.read(log_mel(waveform), language, most)
        invented = read.silence > SILENCE and read.score < UNSURE
        text = "" if invented else in_letters(read.pieces)
        return Recognised(text, np.zeros(0), read.language, read.languages)


def log_mel(waveform: np.ndarray) -> np.ndarray:
    """(80, 3000) float32: log10 mel spectrogram, floored 8 below its maximum and scaled as the model learned
    it, of (N,) sound at 16 kHz; what is beyond half a minute is left out.
    """
    samples = np.zeros(SECONDS * SAMPLE_RATE, np.float32)
    samples[: len(waveform)] = waveform[: len(samples)]
    padded = np.pad(samples, FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[: len(samples) : HOP]
    window = np.hanning(FFT + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window)).astype(np.float32) ** 2
    log = np.log10(np.maximum(_filters() @ power.T, 1e-10))
    scaled: np.ndarray = (np.maximum(log, log.max() - 8) + 4) / 4
    return np.ascontiguousarray(scaled, dtype=np.float32)


def in_letters(pieces: Sequence[str]) -> str:
    """The text of word pieces; bytes that are no UTF-8 are left out."""
    from tokenizers import decoders

    found: str = decoders.ByteLevel().decode([piece for piece in pieces if piece != _END])
    return found.replace("\ufffd", "").strip()


@cache
def _filters() -> np.ndarray:
    """(80, 201) float32: triangles on Slaney's mel scale, each of area 1, as librosa makes them."""
    linear, step = 1000 / (200 / 3), np.log(6.4) / 27  # mels up to 1 kHz; then of each a factor in frequency
    top = linear + np.log(SAMPLE_RATE / 2 / 1000) / step
    mels = np.linspace(0, top, MEL + 2)
    edges = np.where(mels < linear, mels * 200 / 3, 1000 * np.exp(step * (mels - linear)))
    bins = np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)
    low, centre, high = (edges[i : MEL + i, None] for i in range(3))
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    triangles: np.ndarray = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return triangles.astype(np.float32)


class _CTranslate2:
    """The network as the library ctranslate2 computes it, in 8 bits on the processor."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        try:
            self._library: Any = import_module(whisper_files.LIBRARY)
            self._model = self._library.models.Whisper(
                "whisper-base",
                device="cpu",
                compute_type="int8",
                inter_threads=1,
                intra_threads=config.threads(),
                files=dict(files),
            )
        except (ImportError, OSError, RuntimeError, ValueError) as error:
            raise SpeechUnavailable(
                f"Whisper base does not start on this machine ({error}): choose another recogniser"
            ) from error

    def read(self, mel: np.ndarray, language: str, most: int) -> Reading:
        """See `Network.read`."""
        heard = self._model.encode(self._library.StorageView.from_array(mel[None]))
        ranked = self._model.detect_language(heard)[0]
        languages = {token.strip("<|>"): float(p) for token, p in ranked}
        language = language or max(languages, key=languages.__getitem__)
        prompt = ["<|startoftranscript|>", f"<|{language}|>", "<|transcribe|>", "<|notimestamps|>"]
        (found,) = self._model.generate(
            heard,
            [prompt],
            beam_size=1,
            max_length=len(prompt) + most,
            return_scores=True,
            return_no_speech_prob=True,
        )
        return Reading(
            found.sequences[0], language, languages, float(found.scores[0]), float(found.no_speech_prob)
        )
