"""Who is told how an analysis goes on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mmer_core.labels import Modality
from ui.in_turn import Post

if TYPE_CHECKING:
    from mmer_core.inference.prediction import Prediction


class Watcher(Protocol):
    """Somebody to tell how an analysis goes on: the name of each step (see `text.STEPS`) as it starts."""

    def __call__(self, step: str) -> None: ...

    def knows(self, duration: float, reads: Collection[Modality]) -> None:
        """The clip is this many seconds long, and the model reads these modalities."""

    def found(self, prediction: Prediction) -> None:
        """An answer from what has been read so far."""

    def waits(self, number: int, seconds: float) -> None:
        """Others are before: the place in the line, from 1, and how long it should take."""


@dataclass(frozen=True)
class Relay:
    """Tells a watcher in the thread of the page how the work in another thread goes on."""

    watcher: Watcher
    post: Post

    def __call__(self, step: str) -> None:
        self.post(lambda: self.watcher(step))

    def knows(self, duration: float, reads: Collection[Modality]) -> None:
        """See `Watcher`."""
        self.post(lambda: self.watcher.knows(duration, reads))

    def found(self, prediction: Prediction) -> None:
        """See `Watcher`."""
        self.post(lambda: self.watcher.found(prediction))
