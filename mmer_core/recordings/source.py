"""The file of a recording, piece after piece, over damaged places to its end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from mmer_core.clock import clock
from mmer_core.media.loading import MediaError
from mmer_core.recordings.pieces import BEYOND_DAMAGE, LIMITS, MOST_SECONDS, SECONDS, Piece, read_piece

LOOK = 0.1  # seconds between two looks whether to go on, while a piece is decoded
FIRST = 12.0  # seconds of the first piece, so that the first utterances come soon


class Cancelled(Exception):
    """Nobody waits for the rest of the recording."""


class Source:
    """One recording from a time to another.

    Args:
        path: of the file.
        start: seconds at which to begin.
        asked: seconds at which to end; None: at the end of the file, or after three hours.

    Attributes:
        end: seconds at which to end at the latest.
        length: seconds of the file as far as it says.
        notes: sentences about what could not be read.
    """

    def __init__(self, path: Path, start: float, asked: float | None) -> None:
        self.path, self.start, self.asked = path, start, asked
        self.end = start + MOST_SECONDS if asked is None else asked
        self.length, self._track = 0.0, 0
        self.notes: list[str] = []
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="decoding")
        self._next: tuple[float, Future[Piece]] | None = None

    @property
    def of(self) -> float | None:
        """Seconds at which it ends; None where nobody knows."""
        return min(self.end, self.length) if self.length else self.asked

    def _seconds(self, start: float) -> float:
        """Of the piece that begins there."""
        return min(FIRST, SECONDS) if start == self.start else SECONDS

    def prepare(self, start: float) -> None:
        """Begin to decode the piece from a time on beside whatever else is done; `piece` waits for it."""
        if start < self.end - 0.1:
            self._next = start, self._worker.submit(self._read, start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what was begun; where that is not wanted, it ends by itself soon."""
        self._worker.shutdown(wait=not isinstance(error, Cancelled), cancel_futures=True)

    def measure(self) -> None:
        """Find its length, before it is read."""
        self.length = read_piece(self.path, self.start, replace(LIMITS, max_seconds=1.0)).length

    def piece(self, start: float, check: Callable[[], None] = lambda: None) -> Piece:
        """Decode the piece that begins at a time.

        Args:
            start: of the piece.
            check: called again and again meanwhile; what it raises ends the waiting.

        Raises:
            MediaError: it is no recording that can be read, or there is nothing from its start on.
        """
        seconds = min(self._seconds(start), self.end - start)
        begun = self._prepared(start) or self._worker.submit(self._read, start)
        while not wait([begun], LOOK).done:
            check()
        piece = begun.result()
        self._track = self._track or piece.track
        if start == self.start > 0 and piece.clip.duration <= 0 and not piece.more:
            ends = f", it ends at {clock(piece.length)}" if piece.length else ""
            raise MediaError(f"{piece.clip.name} has nothing after {clock(start)}{ends}: begin earlier")
        self.length = piece.length or self.length
        self.notes += [note for note in piece.clip.notes if note not in self.notes]
        last = start + seconds >= self.end - 0.1
        return replace(piece, more=piece.more and not last and not piece.damaged)

    def _prepared(self, start: float) -> Future[Piece] | None:
        """The piece that was begun, if it is the one that starts there."""
        if self._next is None:
            return None
        (begun, piece), self._next = self._next, None
        return piece if begun == start else None

    def _read(self, start: float) -> Piece:
        seconds = min(self._seconds(start), self.end - start)
        return read_piece(self.path, start, replace(LIMITS, max_seconds=seconds), self._track)

    def after(self, piece: Piece) -> float:
        """Where the next piece begins after one with nothing in it."""
        return piece.start + self._seconds(piece.start)

    def past_damage(self, place: float) -> float | None:
        """Where something can be read again after a place that cannot; None if nowhere. A note says so."""
        for seconds in BEYOND_DAMAGE:
            if place + seconds < min(self.end, self.length):
                piece = self.piece(place + seconds)
                if piece.clip.waveform is not None or piece.clip.frames is not None:
                    self.notes.append(
                        f"nothing can be read from {clock(place)} to {clock(place + seconds)}; what comes "
                        "before and after was used"
                    )
                    return place + seconds
        self.notes.append(
            f"the file breaks off after {clock(place)} of {clock(self.length)}; what comes before was used"
        )
        return None
