"""What one file may cost: time, and the bytes of its frames."""

from __future__ import annotations

import math
import time

from mmer_core.config import Limits

LEAST_SIDE = 640  # pixels; frames are not made smaller than this for the sake of the bytes


class Budget:
    """Ends decoding in good order before the hard limits do."""

    def __init__(self, limits: Limits, share: float = 0.8) -> None:
        self._wall = time.monotonic() + share * limits.wall_seconds
        self._cpu = share * limits.cpu_seconds

    def spent(self) -> bool:
        """Whether decoding must end."""
        return time.monotonic() > self._wall or time.process_time() > self._cpu


def kept_side(size: tuple[float, float], frames: float, limits: Limits) -> int:
    """Longer side, pixels, of each of so many frames (width, height) that `Limits.frame_bytes` holds them
    all.
    """
    pixels = limits.frame_bytes / (3 * max(min(frames, limits.max_frames), 1.0))
    longer, shorter = max(size), max(min(size), 1.0)
    side = math.floor(math.sqrt(pixels * longer / shorter))
    return min(limits.frame_side, max(side, LEAST_SIDE))


def most_bytes(limits: Limits) -> int:
    """Bytes that the frames of one file take at most."""
    least = 3 * min(limits.frame_side, LEAST_SIDE) ** 2 * limits.max_frames
    return max(
        limits.frame_bytes + 3 * limits.frame_side * limits.max_frames, least, 3 * limits.picture_side**2
    )
