"""Learning rates over a training: linear warm-up and a cosine, with warm restarts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class WarmUpCosine:
    """A rate that rises in a line and falls as half a cosine, once or in several cycles (Loshchilov and
    Hutter 2017).

    Attributes:
        cycles: epochs of each cycle.
        warm_up: share of each cycle over which the rate rises, in [0, 1).
        start: share of the peak at which each rise begins.
        later: peak of every cycle but the first, as a share of the first one's.
    """

    cycles: Sequence[int]
    warm_up: float = 0.1
    start: float = 0.0
    later: float = 1.0

    @property
    def epochs(self) -> int:
        """Epochs of all cycles."""
        return sum(self.cycles)

    def restarts_at(self, epoch: int) -> bool:
        """Whether a cycle other than the first begins with this epoch, counted from 0."""
        cycle, passed = self.place(epoch)
        return cycle > 0 and passed == 0

    def place(self, epoch: float) -> tuple[int, float]:
        """The cycle of a point in the training, and the share of that cycle which lies before it, in [0, 1).

        Args:
            epoch: counted from 0; fractions lie within an epoch.

        Raises:
            ValueError: the training is shorter.
        """
        left = epoch
        for cycle, length in enumerate(self.cycles):
            if left < length:
                return cycle, left / length
            left -= length
        raise ValueError(f"the schedule has {self.epochs} epochs, so there is no point {epoch:g} in it")

    def factor(self, epoch: float) -> float:
        """The learning rate at a point of the training (see `place`), as a share of its peak."""
        cycle, passed = self.place(epoch)
        peak = self.later if cycle else 1.0
        if passed < self.warm_up:
            return peak * (self.start + (1 - self.start) * passed / self.warm_up)
        return peak * 0.5 * (1 + math.cos(math.pi * (passed - self.warm_up) / (1 - self.warm_up)))
