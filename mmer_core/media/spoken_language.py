"""The language of speech, from what a recogniser heard.

One that reads English only invents words for other languages, but is then unsure of them: such speech is
known by that. One that knows many languages tells how probable each is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from mmer_core.media.recognised import Recognised

# Nats: the doubt at which a word piece speaks neither for English nor against it, and what a clip must have.
# Chosen on clips of RAVDESS, TESS, EMO-DB, ASED and nEMO; see docs/evidence.md.
DOUBT, EVIDENCE = 1.4, 1.0
FEW = 25  # word pieces; fewer say too little about their language
SURE = 0.9  # probability of a language, below which what was heard before is asked as well
KNOWN = 0.5  # and from which it is believed: it is likelier than all others together
LEAST = 1e-3  # probability of a language in one stretch, so that no single one decides


def is_english(parts: Sequence[Recognised], before: Sequence[Recognised]) -> bool:
    """Whether the recogniser of English takes what it heard for that; where it is short, what it heard before
    counts as well.
    """
    few = sum(len(words.doubt) for words in parts) < FEW
    return sounds_english(parts) or (few and bool(before) and sounds_english([*before, *parts]))


def spoken_language(parts: Sequence[Recognised], before: Sequence[Recognised]) -> tuple[str, float]:
    """The language of all stretches together and its probability, from the product of those of each; "" of a
    recogniser that tells none.
    """
    told = [part.languages for part in parts if part.languages]
    if not told:
        return "", 0.0
    language, sure = _most_likely(told)
    if sure < SURE and before:
        return _most_likely([*(part.languages for part in before if part.languages), *told])
    return language, sure


def _most_likely(told: Sequence[Mapping[str, float]]) -> tuple[str, float]:
    """The most probable code and its probability, by all; what one stretch says is taken as it is."""
    if len(told) == 1:
        return max(told[0].items(), key=lambda item: item[1])
    codes = sorted({code for languages in told for code in languages})
    logs = np.array([[math.log(max(p.get(code, 0.0), LEAST)) for code in codes] for p in told]).sum(axis=0)
    likely = np.exp(logs - logs.max())
    best = int(likely.argmax())
    return codes[best], float(likely[best] / likely.sum())


def sounds_english(heard: Sequence[Recognised]) -> bool:
    """Whether the recogniser is as sure of its words as with English speech: every word piece adds `DOUBT`
    minus its own doubt, and `EVIDENCE` is needed. So a single word must be quite clear, a sentence less.
    """
    doubt = np.concatenate([words.doubt for words in heard])
    return float((DOUBT - doubt).sum()) > EVIDENCE
