"""Words of utterances: repaired, normalised, compared."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from math import ceil

#: Share of common character triples (Jaccard) from which two transcripts are nearly the same: about one word
#: in ten differs.
NEAR = 0.8
_SHINGLE = 3
_MANGLED = re.compile("[\u00c2\u00c3][\u0080-\u00bf\u0152-\u2122]|\u00e2[\u0080-\u00bf\u0152-\u2122]{2}")


def repaired(text: str) -> str:
    """Typographic marks that a wrong encoding mangled, put right: U+0092 and "â€™" become an apostrophe, a
    hard space a plain one.
    """
    text = _MANGLED.sub(lambda match: _as_utf8(match.group()), text)
    text = re.sub(
        "[\u0080-\u009f]",
        lambda match: match.group().encode("latin-1").decode("cp1252", errors="ignore"),
        text,
    )
    return re.sub(r"\s+", " ", text).strip()


def _as_utf8(mangled: str) -> str:
    """The text of UTF-8 bytes that were read as Windows-1252; unchanged if they are none."""
    data = b"".join(c.encode("latin-1" if ord(c) < 256 else "cp1252", errors="replace") for c in mangled)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return mangled


def normalised(text: str) -> str:
    """Lower case, letters and digits only, single spaces: "Oh, it's YOU!" -> "oh its you"."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(c for c in plain if not unicodedata.combining(c) and c not in "'’‘")
    return " ".join(re.findall(r"\w+", plain))


def near_pairs(texts: Sequence[str], near: float = NEAR) -> Iterator[tuple[str, str]]:
    """Every pair of different texts whose sets of character triples have a Jaccard similarity of at least
    `near`, exactly.

    Prefix filtering (Chaudhuri et al. 2006; Bayardo et al. 2007): with triples ordered from rare to common,
    two similar sets must share one among the first few of each, so only texts that share a rare triple are
    ever compared. 13,000 utterances take about a second.
    """
    least = near - 1e-9  # products such as .8 × 35 come out a hair too large
    sets = [{f" {text} "[i : i + _SHINGLE] for i in range(len(text) + 3 - _SHINGLE)} for text in texts]
    frequency = Counter(triple for triples in sets for triple in triples)
    by_length = sorted(range(len(texts)), key=lambda i: len(sets[i]))
    index: dict[str, list[int]] = defaultdict(list)
    for i in by_length:
        mine = sets[i]
        rare_first = sorted(mine, key=lambda triple: (frequency[triple], triple))
        prefix = rare_first[: len(mine) - ceil(least * len(mine)) + 1]
        for j in {j for triple in prefix for j in index.get(triple, ())}:
            if len(sets[j]) >= least * len(mine):
                common = len(mine & sets[j])
                if common >= least * (len(mine) + len(sets[j]) - common):
                    yield texts[j], texts[i]
        for triple in prefix:
            index[triple].append(i)
