"""Parts that together make up a value: Shapley values by sampled orders, and effects spread to a sum."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np

EXACT = 6  # parts up to which all 2^N sets of them are asked


class Game:
    """The value of every set of N parts; each set is asked once.

    Args:
        count: N.
        evaluate: (K, N) bool, one set a row, to its (K,) values.
        whole: the value of all parts, where it is known.
        nothing: the value of none of them, where it is known.
    """

    def __init__(
        self,
        count: int,
        evaluate: Callable[[np.ndarray], np.ndarray],
        whole: float | None = None,
        nothing: float | None = None,
    ) -> None:
        self.count = count
        self._evaluate = evaluate
        self._known: dict[bytes, float] = {}
        for value, mask in ((whole, np.ones(count, bool)), (nothing, np.zeros(count, bool))):
            if value is not None:
                self._known[mask.tobytes()] = value

    def values(self, masks: np.ndarray) -> np.ndarray:
        """(K,) float64 of the sets in the rows of (K, N) bool."""
        new = {mask.tobytes(): mask for mask in masks if mask.tobytes() not in self._known}
        if new:
            found = self._evaluate(np.array(list(new.values())))
            self._known.update(zip(new, map(float, found), strict=True))
        return np.array([self._known[mask.tobytes()] for mask in masks])

    def effects(self) -> np.ndarray:
        """(N,) what leaving each part alone out takes away from the whole."""
        whole = self.values(np.ones((1, self.count), bool))[0]
        return np.asarray(whole - self.values(~np.eye(self.count, dtype=bool)))

    def curves(self, orders: np.ndarray, steps: int) -> np.ndarray:
        """(P, S + 1): the value as the parts of each order (P, N) are removed in S <= `steps` equal steps,
        from all of them to none.
        """
        removed = np.unique(np.linspace(0, self.count, min(steps, self.count) + 1).round().astype(int))
        rank = np.argsort(orders, axis=1)  # the place of each part in the order
        masks = rank[:, None, :] >= removed[None, :, None]
        return self.values(masks.reshape(-1, self.count)).reshape(len(orders), -1)


def drawn_orders(count: int, pairs: int, seed: int) -> np.ndarray:
    """(2 P, N) int: `pairs` random orders of N parts, each with its reverse, so that errors of the first and
    the last places cancel (antithetic sampling, Mitchell et al. 2022).
    """
    rng = np.random.default_rng(seed)
    drawn = np.array([rng.permutation(count) for _ in range(pairs)]).reshape(pairs, count)
    return np.concatenate([drawn, drawn[:, ::-1]])


def shapley(game: Game, orders: np.ndarray) -> np.ndarray:
    """(N,) Shapley values of the parts, which sum to value(all) - value(none): exact for up to `EXACT` parts,
    else the mean over these orders (P, N).
    """
    if game.count <= EXACT:
        return _exact(game)
    curves = game.curves(orders, game.count)
    gains = curves[:, :-1] - curves[:, 1:]  # of the part at each place of its order
    points = np.zeros_like(gains)
    np.put_along_axis(points, orders, gains, axis=1)
    return np.asarray(points.mean(axis=0))


def _exact(game: Game) -> np.ndarray:
    count = game.count
    masks = (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(bool)
    values, sizes = game.values(masks), masks.sum(axis=1)
    weight = np.array([1 / (count * comb(count - 1, size)) for size in range(count)])
    without = np.array([np.flatnonzero(~masks[:, i]) for i in range(count)])  # (N, 2^(N-1))
    gains = values[without + (1 << np.arange(count))[:, None]] - values[without]
    return np.asarray((weight[sizes[without]] * gains).sum(axis=1))


def spread(effects: np.ndarray, total: float) -> np.ndarray:
    """Measured effects brought to a sum: each plus a share of what is missing, by its size.

    Effects of one sign are thereby scaled; where they cancel each other or have the other sign than the
    total, parts of large effect take the difference, and one without effect stays at 0. Without any effect
    all parts get the same.
    """
    size = np.abs(effects).sum()
    if size < 1e-12:
        return np.full(effects.shape, total / effects.size)
    return np.asarray(effects + (total - effects.sum()) * np.abs(effects) / size)
