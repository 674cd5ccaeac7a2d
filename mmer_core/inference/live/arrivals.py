"""When pictures came, for their rate and for whether they still come."""

from __future__ import annotations

from collections import deque

_MOST = 240  # that are remembered
_SPAN = 2.0  # seconds over which the rate is taken


class Arrivals:
    """The times of the last pictures, in seconds on one clock."""

    def __init__(self) -> None:
        self.times: deque[float] = deque(maxlen=_MOST)

    def add(self, at: float) -> None:
        """A picture came."""
        self.times.append(at)

    def going(self, at: float, patience: float) -> bool | None:
        """Whether one came within the last `patience` seconds; None if none ever did."""
        return at - self.times[-1] <= patience if self.times else None

    def rate(self, at: float) -> float:
        """Pictures per second, lately."""
        return sum(1 for t in self.times if at - t <= _SPAN) / _SPAN
