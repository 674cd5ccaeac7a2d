"""The passages of a text that are read one at a time. A sentence encoder was trained on utterances; read at
once, a long text drifts away from what it knows, towards nothing in particular.
"""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST = 64  # word pieces that are read at once; 99.9 % of MELD's utterances have fewer
_END = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+|\n+")


def passages(text: str, pieces: Callable[[str], int]) -> list[str]:
    """The passages of a text: all of it if it is short, else each sentence. A sentence that is said again at
    once is read once, in a long text also one that is said again later.

    Args:
        text: a sentence or more.
        pieces: how many word pieces a text has.
    """
    sentences = [part.strip() for part in _END.split(text) if part and part.strip()]
    kept = [s for i, s in enumerate(sentences) if i == 0 or _same(s) != _same(sentences[i - 1])]
    if len(kept) < len(sentences):
        text = " ".join(kept)
    if len(kept) < 2 or pieces(text) <= LONGEST:
        return [text]
    unique = list({_same(sentence): sentence for sentence in reversed(kept)}.values())[::-1]
    joined = " ".join(unique)
    return [joined] if pieces(joined) <= LONGEST else unique


def _same(sentence: str) -> str:
    """What two sentences that say the same have in common."""
    return re.sub(r"\s+", " ", sentence).casefold()
