"""Attribution of an answer to the modalities: exact Shapley values over their subsets."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import combinations
from math import factorial
from typing import TYPE_CHECKING, TypeVar

from mmer_core.labels import Modality, in_order

if TYPE_CHECKING:
    import numpy as np

Score = TypeVar("Score", "float", "np.ndarray")


def shapley_values(
    players: Collection[Modality], value: Callable[[frozenset[Modality]], Score]
) -> dict[Modality, Score]:
    """Shapley value of each player (Shapley 1953), exact; the values sum to value(all) - value(none).

    Args:
        players: the modalities that are present and switched on.
        value: the score of a subset, a number or an array of scores of any one shape; asked once for each of
            the 2^M subsets.
    """
    ordered = in_order(players)
    count = len(ordered)
    score = {
        frozenset(s): value(frozenset(s)) for size in range(count + 1) for s in combinations(ordered, size)
    }
    shares = {}
    for player in ordered:
        others = [m for m in ordered if m != player]
        shares[player] = sum(
            factorial(size)
            * factorial(count - size - 1)
            / factorial(count)
            * (score[frozenset(s) | {player}] - score[frozenset(s)])
            for size in range(count)
            for s in combinations(others, size)
        )
    return shares
