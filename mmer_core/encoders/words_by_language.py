"""English words by the sentence encoder of the default model, words in other languages by a smaller
multilingual one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from mmer_core.clip import Clip
from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.passages import passages
from mmer_core.encoders.base import EncoderSpec
from mmer_core.encoders.device import Device
from mmer_core.encoders.minilm import MiniLmEncoder
from mmer_core.encoders.multilingual import (
    LANGUAGES,
    LICENCE,
    MULTILINGUAL_WEIGHTS,
    SOURCE,
    WIDTH,
    multilingual_vectors,
)
from mmer_core.labels import Modality
from mmer_core.media.language import LANGUAGES as NAMES
from mmer_core.media.language import foreign

_LONGEST = 1000  # letters of a sentence that are read at once
_OTHER = frozenset(NAMES[code] for code in LANGUAGES)


@ENCODERS.register(
    "words_by_language",
    modality=Modality.TEXT,
    description="MiniLM for English text, multilingual sentence vectors for fourteen other languages",
    order=40,
    seconds_per_clip=0.02,
)
class WordsByLanguage:
    """MiniLM's vector of English words, and the multilingual universal sentence encoder's (Yang et al. 2020)
    of words in a language that it knows. A row is [English vector | multilingual vector | 1 if it is the
    second], with zeros in the part that does not apply; a language that neither knows goes to MiniLM.

    English is read without the multilingual encoder's package; other words then raise `EncoderUnavailable`.

    Args:
        delta: of MiniLM, a safetensors file with low-rank adapters, and perhaps a table of `phrases`.
        context: tokens of the turns before an English utterance to read with it; other languages are read
            alone.
        device: where MiniLM runs.

    Attributes:
        spec: its record.
        english: the encoder of English words.

    Raises:
        EncoderUnavailable: MiniLM's weights are not installed, or the delta cannot be read or does not fit.
    """

    def __init__(self, delta: Path | None = None, context: int = 0, *, device: Device = "cpu") -> None:
        self.english = MiniLmEncoder(delta, context, device=device)
        self.spec = _spec(self.english.spec)

    def encode(self, clip: Clip) -> np.ndarray:
        """(T, D) float32, one row for a short text, and for each sentence of a long one.

        Raises:
            Absent: the clip has no words.
            EncoderUnavailable: they are not English, and the multilingual encoder is not installed.
        """
        text = clip.text or ""
        if not takes(text):
            return self._row(self.english.encode(clip))
        return self._others([text])[0]

    def encode_texts(
        self, texts: Sequence[str], previous: Sequence[Sequence[str]] | None = None, batch: int = 64
    ) -> list[np.ndarray]:
        """`encode` for many texts at once, (T, D) each; T is 0 where there are no words. Arguments as those
        of `SentenceEncoder.encode_texts`.
        """
        other = [takes(text) for text in texts]
        plain = ["" if foreign_text else text for text, foreign_text in zip(texts, other, strict=True)]
        found = [self._row(rows) for rows in self.english.encode_texts(plain, previous, batch)]
        read = iter(
            self._others([text for text, foreign_text in zip(texts, other, strict=True) if foreign_text])
        )
        return [next(read) if foreign_text else rows for rows, foreign_text in zip(found, other, strict=True)]

    def warnings(self, clip: Clip) -> Iterator[str]:
        """A sentence if neither encoder knows the language."""
        if not takes(clip.text or ""):
            yield from self.english.warnings(clip)

    def _row(self, english: np.ndarray) -> np.ndarray:
        """Rows of English vectors (T, D_en)."""
        return np.pad(english, ((0, 0), (0, WIDTH + 1)))

    def _others(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Rows (T, D) of each of some texts in other languages."""
        parts = [sentences(text) for text in texts]
        if not parts:
            return []
        vectors = multilingual_vectors([sentence for part in parts for sentence in part])
        rows = np.pad(vectors, ((0, 0), (self.english.spec.dim, 1)))
        rows[:, -1] = 1
        return np.split(rows, np.cumsum([len(part) for part in parts])[:-1])


def takes(text: str) -> bool:
    """Whether a text is in one of the other languages that are read."""
    return foreign(text) in _OTHER


def sentences(text: str) -> list[str]:
    """What the multilingual encoder reads one at a time: a short text, or each sentence of a long one, those
    without an end cut.
    """
    # a piece of a word has about four letters, and about two in languages that are written without spaces
    parts = passages(text, lambda part: max(len(part) // 5, len(part.split())))
    return [part[start : start + _LONGEST] for part in parts for start in range(0, len(part), _LONGEST)]


def _spec(english: EncoderSpec) -> EncoderSpec:
    both = f"{english.fingerprint} {MULTILINGUAL_WEIGHTS.identity}"
    return EncoderSpec(
        name="words_by_language",
        modality=Modality.TEXT,
        dim=english.dim + WIDTH + 1,
        source=f"{english.source}; {SOURCE}",
        revision=hashlib.sha256(both.encode()).hexdigest(),
        licence=f"{english.licence}; multilingual encoder {LICENCE}",
        preprocessing=f"English: {english.preprocessing}; {', '.join(LANGUAGES)}: texts over 64 pieces by "
        "the sentence, repetitions once, multilingual sentence vectors",
        timing=english.timing,
        reads_dialogue=english.reads_dialogue,
    )
