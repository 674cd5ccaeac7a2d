"""A linear classifier of emotion on single word pieces and pairs of them.

A sentence network sees the whole and blurs its parts; a linear classifier on n-grams (as in Wang and Manning
2012, "Baselines and bigrams") knows the parts, and errs otherwise. Their mean is better than either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

PREFIX = "phrases."  # of its tensors in a file
PAIRS = 2**14  # rows that pairs of pieces share


@dataclass(frozen=True)
class Phrases:
    """A linear classifier on the pieces and pairs of pieces that a text has, each counted once.

    Attributes:
        table: (V + PAIRS, C) float32, a row for each of the tokenizer's V pieces, and those that the pairs
            share.
        bias: (C,) float32.
    """

    table: np.ndarray
    bias: np.ndarray

    def logits(self, tokens: Sequence[int]) -> np.ndarray:
        """(C,) float32 for the token ids of a text, the marks before and after it included."""
        rows = rows_of(tokens, len(self.table) - PAIRS)
        return np.asarray(
            self.table[rows].sum(axis=0) / np.sqrt(max(1, len(rows))) + self.bias, dtype=np.float32
        )

    def tensors(self) -> dict[str, np.ndarray]:
        """The tensors that `from_tensors` reads."""
        return {PREFIX + "table": self.table, PREFIX + "bias": self.bias}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Phrases | None:
        """From the tensors of a file; None if it has no such table."""
        if PREFIX + "table" not in tensors:
            return None
        return cls(*(tensors[PREFIX + name].float().numpy() for name in ("table", "bias")))


def rows_of(tokens: Sequence[int], vocabulary: int) -> np.ndarray:
    """The distinct rows of a table with `vocabulary` + PAIRS rows that a text's token ids and their pairs
    belong to.
    """
    pieces = np.asarray(tokens, dtype=np.uint64)
    pairs = (pieces[:-1] * np.uint64(1_000_003) + pieces[1:]) * np.uint64(
        2_654_435_761
    )  # multiplicative hashing; the high bits are mixed best
    places = (pairs & np.uint64(2**32 - 1)) // np.uint64(2**32 // PAIRS)
    return np.unique(np.concatenate([pieces, places + np.uint64(vocabulary)])).astype(np.int64)
