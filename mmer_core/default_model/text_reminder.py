"""How much of a network that was reminded of comments goes into the shipped one.

Training on MELD makes a network forget how people write elsewhere; being reminded of that costs some of what it knows of MELD. The mean of the
weights before and after keeps most of both (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from torch import Tensor

from mmer_core.default_model.text_corpora import Judge, Way
from mmer_core.default_model.text_recipes import TextTraining
from mmer_core.default_model.text_trainer import average, holding

_SHARES = tuple(round(0.05 * i, 2) for i in range(1, 11))


def blend(before: Mapping[str, Tensor], after: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """The mean of the weights with that share of the reminded ones, `after`."""
    return average([before, after], [1 - share, share]) if share else dict(before)


def free_share(options: TextTraining, before: Mapping[str, Tensor], after: Mapping[str, Tensor], ways: Collection[Way]) -> float:
    """The largest share of the reminded weights that costs nothing: the cross-entropy on utterances that neither has learned, summed over the ways
    to meet them and each at its best temperature, is no higher than without. 0 if there is none."""
    limit = _loss(holding(options, before).answer, ways)
    free = (share for share in reversed(_SHARES) if _loss(holding(options, blend(before, after, share)).answer, ways) <= limit)
    return next(free, 0.0)


def _loss(judge: Judge, ways: Collection[Way]) -> float:
    return sum(way.cross_entropy(way.ask(judge)) for way in ways)
