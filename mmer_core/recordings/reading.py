"""A recording of up to three hours read as a stream of utterances, in the memory of one piece."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmer_core.batch.journal import Journal
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError, display_name
from mmer_core.recordings.answers import PieceReader
from mmer_core.recordings.pieces import BEYOND_DAMAGE, LIMITS, MOST_SECONDS, SECONDS, Piece, read_piece
from mmer_core.recordings.recording import Progress, Recording, clock
from mmer_core.recordings.turns import Speakers, Turns, find_turns
from mmer_core.recordings.utterances import Utterance

LEAST = 1.0  # seconds by which reading goes on with each piece
POSITION, SPEAKERS = "position", "speakers"  # keys in the journal beside those of utterances


def read_recording(
    path: str | Path,
    model: EmotionModel,
    *,
    start: float = 0.0,
    end: float | None = None,
    use: Collection[Modality] | None = None,
    speakers: Speakers | None = None,
    progress: Callable[[Progress], None] | None = None,
    found: Callable[[Utterance], None] | None = None,
    journal: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Recording:
    """Read the utterances of a video or sound of up to three hours.

    It is decoded piece by piece, and every utterance is told as soon as it is read. A file that breaks off is
    read up to there, and after it where something follows.

    Args:
        path: of the file.
        model: that answers.
        start: seconds at which to begin.
        end: seconds at which to end; None: at the end of the file, or after three hours.
        use: modalities that count; all by default.
        speakers: tells speakers apart, like `mmer_core.media.speakers.diarise`; the sound is read for it
            before the first utterance. None leaves them open.
        progress: called after each utterance and piece.
        found: called with each utterance, those of an earlier start first.
        journal: the table that will be written: beside it is kept what was read, and a second start with the
            same file and options goes on from there; see `forget`.
        stop: asked after each utterance; true ends the reading, and what was read is returned.

    Raises:
        MediaError: nothing in the file can be read; one sentence says why and what to do.
        ValueError: an end that is not after the start.
        OSError: the journal cannot be written.
    """
    if start < 0 or (end is not None and end <= start):
        raise ValueError(
            f"from {start:g} to {end if end is None else format(end, 'g')} s is no stretch of time"
        )
    wanted = tuple(model.modalities if use is None else use)
    reading = _Reading(Path(path), model, wanted, start, end, progress, found, stop)
    if journal is None:
        return reading.run(None, speakers)
    same = _about(Path(path), model, wanted, start=start, end=end, speakers=speakers is not None)
    with Journal(journal, same) as kept:
        return reading.run(kept, speakers)


def _about(
    path: Path,
    model: EmotionModel,
    use: Collection[Modality],
    *,
    start: float,
    end: float | None,
    speakers: bool,
) -> dict[str, Any]:
    """What must be the same for a journal to be used again."""
    try:
        facts = path.stat()
    except OSError as error:
        raise MediaError(f"{display_name(path.name)} cannot be found: check the path") from error
    return {
        "recording": [str(path), facts.st_size, facts.st_mtime_ns],
        "model": model.identity["sha256"],
        "start": start,
        "end": end,
        "use": sorted(m.value for m in use),
        "speakers": speakers,
    }


def forget(journal: Path) -> None:
    """Remove what was kept beside a table, when the table is written."""
    Journal(journal, {}).remove()


@dataclass
class _Reading:
    """One recording being read; the first fields are arguments of `read_recording`."""

    path: Path
    model: EmotionModel
    use: tuple[Modality, ...]
    start: float
    asked: float | None
    progress: Callable[[Progress], None] | None
    found: Callable[[Utterance], None] | None
    stop: Callable[[], bool]

    def __post_init__(self) -> None:
        self._end = self.start + MOST_SECONDS if self.asked is None else self.asked
        self._utterances: list[Utterance] = []
        self._notes: list[str] = []
        self._position, self._length, self._track = self.start, 0.0, 0
        self._began, self._from = time.monotonic(), self.start
        self._journal: Journal | None = None

    def run(self, journal: Journal | None, speakers: Speakers | None) -> Recording:
        """Read on from what the journal keeps."""
        self._journal = journal
        rows = {} if journal is None else dict(journal.rows)
        reached = rows.pop(POSITION, {"seconds": self.start, "notes": []})
        position, self._notes = reached["seconds"], list(reached["notes"])
        kept_turns = rows.pop(SPEAKERS, None)
        for row in sorted(rows.values(), key=lambda row: row["start"]):
            self._tell(Utterance.from_json(row))
            position = max(position, row["end"])
        self._position = self._from = position
        turns = self._turns(kept_turns, speakers)
        self._began = time.monotonic()
        complete = self._read(PieceReader(self.model, self.use, turns))
        return Recording(
            display_name(self.path.name),
            self.start,
            self._position,
            tuple(self._utterances),
            complete,
            tuple(self._notes),
            self.model.labels,
            self.model.identity,
        )

    def _turns(self, kept: Mapping[str, Any] | None, speakers: Speakers | None) -> Turns | None:
        if speakers is None:
            return None
        if kept is not None:
            return Turns((a, b, int(speaker)) for a, b, speaker in kept["turns"])
        self._length = read_piece(self.path, self.start, replace(LIMITS, max_seconds=1.0)).length
        turns = find_turns(
            self.path, speakers, self.start, self._end, lambda done: self._say("speakers", done)
        )
        self._keep(SPEAKERS, {"turns": turns.to_json()})
        return turns

    def _read(self, reader: PieceReader) -> bool:
        """Read piece after piece; whether the end was reached."""
        while self._position < self._end - 0.1:
            try:
                ended = self._next(reader)
            except MediaError as error:
                if not self._utterances:
                    raise
                self._notes.append(f"{error}; what was read up to {clock(self._position)} is kept")
                return False
            if ended is not None:
                return ended
        if self.asked is None and self._length > self._end + 1:
            self._notes.append("only the first 3 hours were read")
        return True

    def _next(self, reader: PieceReader) -> bool | None:
        """Read one piece, gone afterwards; None if more follows, else whether the end was reached."""
        piece = self._piece(self._position)
        if not self._piece_read(piece, reader) or (piece.damaged and not self._past_damage(piece.end)):
            return False
        return None if piece.more or piece.damaged else True

    def _piece(self, start: float) -> Piece:
        seconds = min(SECONDS, self._end - start)
        piece = read_piece(self.path, start, replace(LIMITS, max_seconds=seconds), self._track)
        self._track = self._track or piece.track
        if start == self.start > 0 and piece.clip.duration <= 0 and not piece.more:
            ends = f", it ends at {clock(piece.length)}" if piece.length else ""
            raise MediaError(f"{piece.clip.name} has nothing after {clock(start)}{ends}: begin earlier")
        self._length = piece.length or self._length
        self._notes += [note for note in piece.clip.notes if note not in self._notes]
        last = start + seconds >= self._end - 0.1
        return replace(piece, more=piece.more and not last and not piece.damaged)

    def _piece_read(self, piece: Piece, reader: PieceReader) -> bool:
        """Read the utterances of a piece; whether to go on."""
        stretches, following = reader.stretches(piece)
        for stretch in stretches:
            before = [u.words for u in self._utterances[-20:] if u.words]
            position = piece.start + stretch.span[1]
            for utterance in reader.answers(piece, stretch, before):
                self._keep(f"{utterance.start:.3f}", utterance.to_json())
                self._tell(utterance)
            self._reach(position)
            if self.stop():
                return False
        hole = piece.more and following < piece.start + LEAST  # in the file's clock
        self._reach(piece.start + SECONDS if hole else max(following, self._position))
        return not self.stop()

    def _past_damage(self, place: float) -> bool:
        """After a place that cannot be read, go on where something can be read again; whether there is."""
        for seconds in BEYOND_DAMAGE:
            if place + seconds < min(self._end, self._length):
                piece = self._piece(place + seconds)
                if piece.clip.waveform is not None or piece.clip.frames is not None:
                    self._notes.append(
                        f"nothing can be read from {clock(place)} to {clock(place + seconds)}; what comes "
                        "before and after was used"
                    )
                    self._reach(place + seconds)
                    return True
        self._notes.append(
            f"the file breaks off after {clock(place)} of {clock(self._length)}; what comes before was used"
        )
        return False

    def _keep(self, key: str, row: dict[str, Any]) -> None:
        """Put a row into the journal, if there is one."""
        if self._journal is None:
            return
        try:
            self._journal.add(key, row)
        except OSError as error:
            raise OSError(
                f"{self._journal.path} cannot be written ({error.strerror}): free some space and start "
                "again; what was read before is kept"
            ) from error

    def _tell(self, utterance: Utterance) -> None:
        self._utterances.append(utterance)
        if self.found is not None:
            self.found(utterance)

    def _reach(self, position: float) -> None:
        self._position = min(position, self._end)
        self._keep(POSITION, {"seconds": self._position, "notes": self._notes})
        self._say("utterances", self._position)

    def _say(self, stage: str, done: float) -> None:
        if self.progress is None:
            return
        of = min(self._end, self._length) if self._length else self.asked
        spent, read = time.monotonic() - self._began, done - self._from
        left = spent / read * max(of - done, 0.0) if of is not None and read > 0 else None
        self.progress(Progress(stage, done - self.start, None if of is None else of - self.start, left))
