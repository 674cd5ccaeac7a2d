"""A file read piece by piece, each decoded like a clip in a process with limits; see `media.decoding`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mmer_core.clip import Clip
from mmer_core.clock import clock
from mmer_core.config import Limits
from mmer_core.media.decoder.kinds import picture_kind
from mmer_core.media.decoder.result import Decoded
from mmer_core.media.file_checks import MediaError, check_file, check_something, display_name, opened
from mmer_core.media.loading import decode
from mmer_core.media.voice_activity import SILENT_LEVEL, loudest

SECONDS = 18.0  # of a piece, at 4 pictures a second; the next one is decoded beside it
MOST_SECONDS = 3 * 3600.0  # of a recording; the rest is left out
#: Bounds on one piece: the file may be large, and the way to the piece long.
LIMITS = Limits(
    max_bytes=16 * 2**30, max_seconds=SECONDS, frame_bytes=72 * 2**20, cpu_seconds=150, wall_seconds=150.0
)
#: For the sound alone, in longer pieces; of a video one picture is decoded, and not looked at.
SOUND_LIMITS = replace(LIMITS, max_seconds=300.0, frames_per_second=0.001, max_frames=1)
BEYOND_DAMAGE = (
    10.0,
    60.0,
    300.0,
)  # seconds after a place that cannot be read at which reading is tried again
HEADER = 1.0  # seconds by which a header may be wrong
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Piece:
    """A stretch of a recording.

    Attributes:
        start: seconds from the start of the recording.
        clip: its content, with times from `start`.
        more: whether something may follow.
        length: seconds of the whole recording as its header says, which may be wrong; 0 if it says nothing.
        damaged: it ends before it should, at a place that cannot be read.
        track: the sound track in which something is heard, from 1; 0 if there is none, or only one.
    """

    start: float
    clip: Clip
    more: bool
    length: float
    damaged: bool = False
    track: int = 0

    @property
    def end(self) -> float:
        """Seconds from the start of the recording."""
        return self.start + self.clip.duration


def read_piece(path: str | Path, start: float, limits: Limits = LIMITS, track: int = 0) -> Piece:
    """Decode a file from a time on, for `Limits.max_seconds`.

    Args:
        path: of a video or sound.
        start: seconds from its first picture or sample.
        limits: bounds on the cost of the piece.
        track: that an earlier piece has, so that all have the same; 0 to choose.

    Returns:
        The piece; its clip has neither frames nor waveform where nothing more can be read.

    Raises:
        MediaError: the file is no recording that can be read, or the temporary folder is full.
    """
    path = Path(path)
    shown = display_name(path.name)
    check_file(path, shown, limits)
    facts = path.stat()
    with opened(path, shown) as file:
        head = file.read(16)
    if picture_kind(head):
        raise MediaError(f"{shown} is a picture, which has no utterances: name a video or a sound")
    found, _, ours = decode(path, shown, limits, start=start, track=track)
    if start == 0 or found.refused is not None:
        check_something(found, shown, ours, limits)
    identity = f"{facts.st_size}-{facts.st_mtime_ns}-{shown}-{start:.3f}"
    return _piece(found, shown, identity, start, limits)


def _piece(found: Decoded, shown: str, identity: str, start: float, limits: Limits) -> Piece:
    """The piece as it was found; where time or the process ended, what was read whole."""
    stopped = found.crashed or found.slow
    clip = Clip(
        name=shown,
        digest=identity,
        kind=found.kind,
        duration=min(found.duration, limits.max_seconds),
        frames=found.frames,
        times=found.times,
        waveform=found.waveform,
        absent=dict(found.absent),
        notes=_notes(found, start, limits),
    )
    promised = found.promised - (start + clip.duration) > max(HEADER, 0.01 * found.promised)
    nothing = found.slow and not found.duration  # even the way to the piece takes too long
    damaged = found.crashed or nothing or (not found.longer and not found.slow and promised)
    heard = clip.waveform is not None and loudest(clip.waveform) > SILENT_LEVEL
    more = found.longer or stopped or damaged
    return Piece(start, clip, more, found.promised, damaged, found.track if heard else 0)


def _notes(found: Decoded, start: float, limits: Limits) -> tuple[str, ...]:
    """The notes about a piece, with the times of the recording."""
    where = f"between {clock(start)} and {clock(start + limits.max_seconds)}"
    notes = [
        n for n in found.notes if "damaged" not in n and not n.startswith(("only the first", "decoding"))
    ]
    if found.slow:
        notes.append(f"{where} decoding took too long; what could be read was used")
    elif not found.crashed and any("damaged" in note for note in found.notes):
        notes.append(f"{where} parts of the file are damaged; what could be read was used")
    return tuple(notes)


def sound_pieces(path: str | Path, start: float, end: float) -> Iterator[Piece]:
    """The sound of a recording from one time to another, in pieces of `SOUND_LIMITS`, without pictures.

    Raises:
        MediaError: see `read_piece`.
    """
    track = 0
    while start < end:
        piece = read_piece(path, start, SOUND_LIMITS, track)
        track = track or piece.track
        if piece.clip.waveform is not None:
            yield replace(piece, clip=replace(piece.clip, frames=None, times=None))
        if not piece.more or piece.clip.duration <= 0:
            return
        start = piece.end if piece.damaged else start + SOUND_LIMITS.max_seconds
