"""A classifier of sentence vectors that come from one of two encoders."""

from __future__ import annotations

from torch import Tensor, nn

from mmer_core.fusion.heads import HEADS
from mmer_core.fusion.heads.words import WordsNetwork


@HEADS.register(
    "words_by_language", description="a classifier on each sentence by its encoder, mean of the logits"
)
class WordsByLanguageNetwork(nn.Module):
    """The head `words` on the rows of English words, and another like it on those of other languages; the
    logits are averaged over the rows.

    Args:
        dim: D, width of the rows [English vector | multilingual vector | 1 if it is the second].
        classes: C.
        english: width of the English vector.
        hidden: width of a hidden layer for English words; 0 for a linear classifier. That for other languages
            is linear.
        dropout: on vectors and hidden layer, only active in training mode.

    Raises:
        ValueError: the rows have no room for a multilingual vector.
    """

    def __init__(
        self, dim: int, classes: int, english: int = 391, hidden: int = 0, dropout: float = 0.2
    ) -> None:
        super().__init__()
        other = dim - english - 1
        if min(english, other) < 1:
            raise ValueError(
                f"rows of {dim} numbers, {english} of them for English, leave no room for other languages: "
                "use the encoder words_by_language, or the head words"
            )
        self.width = english
        self.english = WordsNetwork(english, classes, hidden, dropout)
        self.other = WordsNetwork(other, classes, dropout=dropout)

    def forward(self, x: Tensor, pad: Tensor) -> Tensor:
        """Logits (B, C) from x (B, T, D) float32 and pad (B, T) bool, True where there is only padding, which
        may hold anything.
        """
        other = ~pad & (x[..., -1] > 0.5)
        read = (~pad).sum(1, keepdim=True).clamp(min=1)
        share = other.sum(1, keepdim=True) / read
        first = self.english(x[..., : self.width], pad | other)
        second = self.other(x[..., self.width : -1], ~other)
        # a mean of two: English alone stays bit for bit what the head `words` gives
        return first * (1 - share) + second * share
