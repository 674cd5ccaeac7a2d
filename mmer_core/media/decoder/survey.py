"""What the first pass over a recording finds."""

from __future__ import annotations

from dataclasses import dataclass, field

from av.container import InputContainer

from mmer_core.media.decoder.stream import Span

EDITED = "mov,mp4,m4a,3gp,3g2,mj2"  # has edit lists, and starts at 0 whatever precedes


@dataclass
class Survey:
    """Findings of the first pass.

    Attributes:
        video, audio: extent of each stream.
        earliest: where the file says that it starts, on the clock of the streams, seconds; what lies before
            only helps to decode.
        begin: where a piece of the file starts whatever there is in it, see `piece`; None for whole files.
        longer: there is more than `Limits.max_seconds`.
        slow: the budget ended a pass.
    """

    video: Span = field(default_factory=Span)
    audio: Span = field(default_factory=Span)
    earliest: float = float("-inf")
    begin: float | None = None
    longer: bool = False
    slow: bool = False

    @property
    def origin(self) -> float:
        """The clip's start on the clock of the streams, seconds."""
        if self.begin is not None:
            return self.begin
        first = min(self.video.start, self.audio.start)
        return max(first, self.earliest) if first < float("inf") else 0.0

    @property
    def seconds(self) -> float:
        """From the first to the last moment of either stream."""
        return max(self.video.end, self.audio.end, self.origin) - self.origin


def earliest(container: InputContainer) -> float:
    """Where the file says that it starts, on the clock of the streams, seconds."""
    return 0.0 if container.format.name == EDITED else float("-inf")
