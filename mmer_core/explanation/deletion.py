"""Does an explanation say more than a random one? The deletion test (Petsiuk et al. 2018, RISE; Samek et al.
2017): parts are removed in order of importance, and the score should fall faster than in random orders.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmer_core.explanation.game import Game

STEPS = 10  # in which all parts are removed, at most
SMALLEST = 0.005  # half a point of score: less is not worth showing
BEATEN = 0.9  # share of the random orders that the explanation must beat


@dataclass(frozen=True)
class Check:
    """The deletion test of one answer.

    Attributes:
        area: between the curves: how much lower the score is on average while the parts are removed in order
            of importance than in random orders, in probability; 0 for a single part.
        random: the same for each random order against their mean.
        telling: the explanation says more than a random one.
        reason: why not, one sentence; "" if it does.
    """

    area: float
    random: tuple[float, ...]
    telling: bool
    reason: str = ""


def deletion(game: Game, points: np.ndarray, orders: np.ndarray, steps: int = STEPS) -> Check:
    """The deletion test of points (N,) against random orders (P, N), P >= 5.

    A part that stands alone needs no test: there is no other order.
    """
    if game.count == 1:
        return Check(0.0, (), True)
    heights = _heights(game, np.concatenate([_importance(points)[None], orders]), steps)
    mean = float(heights[1:].mean())
    area, random = mean - float(heights[0]), mean - heights[1:]
    return Check(area, tuple(map(float, random)), *_verdict(area, random))


def gains(game: Game, points: np.ndarray, orders: np.ndarray, steps: int = STEPS) -> tuple[float, float]:
    """Areas between the curves of points (N,), N >= 2, and of random orders (P, N): how much lower the value
    is on average while the most important parts are removed first, and how much higher while they are put in
    first (insertion). Both are about 0 for a random explanation.
    """
    own = _importance(points)
    heights = _heights(game, np.concatenate([own[None], own[None, ::-1], orders]), steps)
    random = float(heights[2:].mean())
    return random - float(heights[0]), float(heights[1]) - random


def _importance(points: np.ndarray) -> np.ndarray:
    return np.argsort(-points, kind="stable")


def _heights(game: Game, orders: np.ndarray, steps: int) -> np.ndarray:
    """(P,) mean value between the first removal and the last."""
    return np.asarray(game.curves(orders, steps)[:, 1:-1].mean(axis=1))


def _verdict(area: float, random: np.ndarray) -> tuple[bool, str]:
    if area < SMALLEST:
        return False, "no part of it matters by itself: removing the parts in any order does the same"
    # orders that happen to be as good are no evidence against it where there are few different ones
    if np.mean(random < area + 1e-9) < BEATEN:
        return False, "removing its parts at random does as much as removing the most important ones"
    return True, ""
