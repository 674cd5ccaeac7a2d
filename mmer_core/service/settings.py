"""What the service may spend on its clients."""

from __future__ import annotations

from dataclasses import dataclass, field

from mmer_core import config
from mmer_core.config import JsonConfig, Limits

MEGABYTE = 2**20
SENTENCES_BYTES = 4 * MEGABYTE


@dataclass(frozen=True)
class Settings(JsonConfig):
    """Bounds of one service.

    Attributes:
        queue: requests that may wait, of sentences and of clips each; one more is refused.
        workers: clips that are read side by side.
        timeout: seconds in which a request must have been received, and then answered.
        max_bytes: the largest body of a request; of a request with sentences at most `SENTENCES_BYTES`.
        items: clips or sentences in one request.
        window: seconds for which a sentence waits for others to be read with it.
        batch: sentences that are read at once.
        token: that clients must show; "" for none.
    """

    queue: int = 16
    workers: int = field(default_factory=config.threads)
    timeout: float = 120.0
    max_bytes: int = Limits.max_bytes
    items: int = 32
    window: float = 0.005
    batch: int = 32
    token: str = field(default="", repr=False)

    @property
    def limits(self) -> Limits:
        """Bounds on the decoding of one clip."""
        return Limits(max_bytes=self.max_bytes)
