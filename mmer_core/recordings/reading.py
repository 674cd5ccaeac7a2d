"""A recording of up to three hours read as a stream of utterances, in the memory of one piece."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmer_core.batch.journal import Journal
from mmer_core.clock import clock
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.memory import give_back
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError, display_name
from mmer_core.media.recogniser import words_from
from mmer_core.recordings.answers import PieceReader
from mmer_core.recordings.bonds import tied
from mmer_core.recordings.pieces import Piece, sound_pieces
from mmer_core.recordings.recording import Progress, Recording
from mmer_core.recordings.source import Cancelled, Source
from mmer_core.recordings.speakers import Listening, Speakers
from mmer_core.recordings.utterances import Utterance

LEAST = 1.0  # seconds by which reading goes on with each piece
POSITION, FACES = "position", "faces "  # keys in the journal beside utterances; of faces how they begin


def read_recording(
    path: str | Path,
    model: EmotionModel,
    *,
    start: float = 0.0,
    end: float | None = None,
    use: Collection[Modality] | None = None,
    speakers: Callable[[], Listening] | None = None,
    progress: Callable[[Progress], None] | None = None,
    found: Callable[[Utterance], None] | None = None,
    journal: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
    cancel: Callable[[], bool] = lambda: False,
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
        speakers: makes what tells speakers apart, `mmer_core.media.speakers.SpeakerStream`; None leaves them
            open. As long as the recording is being read a speaker's number may change; at the end every
            utterance has its own, and the voice of whoever said enough was compared with how they sound.
        progress: called after each utterance and piece.
        found: called with each utterance, those of an earlier start first, with what is known by then.
        journal: the table that will be written: beside it is kept what was read, and a second start with the
            same file and options goes on from there; see `forget`.
        stop: asked after each utterance; true ends the reading, and what was read is returned.
        cancel: asked between the steps of a piece as well; true gives up the piece in hand.

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
    reading = _Reading(Source(Path(path), start, end), model, wanted, progress, found, stop, cancel)
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
        "words_from": words_from(),
    }


def forget(journal: Path) -> None:
    """Remove what was kept beside a table, when the table is written."""
    Journal(journal, {}).remove()


@dataclass
class _Reading:
    """One recording being read; the fields but the first are arguments of `read_recording`."""

    source: Source
    model: EmotionModel
    use: tuple[Modality, ...]
    progress: Callable[[Progress], None] | None
    found: Callable[[Utterance], None] | None
    stop: Callable[[], bool]
    cancel: Callable[[], bool]

    def __post_init__(self) -> None:
        self._utterances: list[Utterance] = []
        self._position = self._from = self.source.start
        self._began = time.monotonic()
        self._journal: Journal | None = None

    def run(self, journal: Journal | None, speakers: Callable[[], Listening] | None) -> Recording:
        """Read on from what the journal keeps."""
        self._journal = journal
        rows = {} if journal is None else dict(journal.rows)
        reached = rows.pop(POSITION, {"seconds": self.source.start, "notes": []})
        position, self.source.notes = reached["seconds"], list(reached["notes"])
        faces = [rows.pop(key) for key in list(rows) if key.startswith(FACES)]
        for row in sorted(rows.values(), key=lambda row: row["start"]):
            self._tell(Utterance.from_json(row))
            position = max(position, row["end"])
        self._position = self._from = position
        heard = None if speakers is None else Speakers(self.model, speakers(), self.source.start)
        if heard is not None and position > self.source.start:
            self._listen_again(heard, position)
        self._began = time.monotonic()
        reader = PieceReader(self.model, self.use, heard, self._check)
        reader.faces.restore(faces, position)
        for utterance in self._utterances:
            reader.faces.told(utterance)
        complete = False
        with contextlib.suppress(Cancelled), self.source:  # which has to see why it is left
            complete = self._read(reader)
        give_back()
        if heard is not None:
            self._utterances = list(heard.told_anew(self._utterances))
        return Recording(
            display_name(self.source.path.name),
            self.source.start,
            self._position,
            tuple(self._utterances),
            complete,
            tuple(self.source.notes),
            self.model.labels,
            self.model.identity,
            tied(reader.faces.people(), self._utterances),
        )

    def _listen_again(self, speakers: Speakers, position: float) -> None:
        """Who speaks in what was read at an earlier start."""
        self.source.measure()
        for piece in sound_pieces(self.source.path, self.source.start, position):
            speakers.hear(piece)
            self._say("speakers", min(piece.end, position))

    def _read(self, reader: PieceReader) -> bool:
        """Read piece after piece; whether the end was reached."""
        while self._position < self.source.end - 0.1:
            try:
                ended = self._next(reader)
            except MediaError as error:
                if not self._utterances:
                    raise
                self.source.notes.append(f"{error}; what was read up to {clock(self._position)} is kept")
                return False
            if ended is not None:
                return ended
        if self.source.asked is None and self.source.length > self.source.end + 1:
            self.source.notes.append("only the first 3 hours were read")
        return True

    def _next(self, reader: PieceReader) -> bool | None:
        """Read one piece, gone afterwards; None if more follows, else whether the end was reached."""
        piece = self.source.piece(self._position, self._check)
        if not self._piece_read(piece, reader):
            return False
        if piece.damaged:
            again = self.source.past_damage(piece.end)
            if again is None:
                return False
            self._reach(again)
        return None if piece.more or piece.damaged else True

    def _piece_read(self, piece: Piece, reader: PieceReader) -> bool:
        """Read the utterances of a piece, while the next is decoded; whether to go on."""
        stretches, following = reader.stretches(piece)
        hole = piece.more and following < piece.start + LEAST  # in the file's clock
        if piece.more and not hole and not piece.damaged:
            self.source.prepare(following)
        self._keep_faces(piece, reader, following, read=False)
        for stretch in stretches:
            before = [u.words for u in self._utterances[-20:] if u.words]
            position = piece.start + stretch.span[1]
            for utterance in reader.answers(piece, stretch, before):
                self._keep(f"{utterance.start:.3f}", utterance.to_json())
                self._tell(utterance)
            self._reach(position)
            if self.stop() or self.cancel():
                self._keep_faces(piece, reader, position, read=True)
                self._check()
                return False
        self._keep_faces(piece, reader, following, read=True)
        reader.faces.forget()
        give_back()
        self._reach(self.source.after(piece) if hole else max(following, self._position))
        return not self.stop()

    def _check(self) -> None:
        if self.cancel():
            raise Cancelled

    def _keep_faces(self, piece: Piece, reader: PieceReader, until: float, *, read: bool) -> None:
        """Put who is seen in a piece into the journal; what their faces say, when its utterances are read."""
        row = reader.faces.row(min(until, self.source.end), read=read)
        if row is not None:
            self._keep(f"{FACES}{piece.start:.3f}", row)

    def _keep(self, key: str, row: dict[str, Any]) -> None:
        """Put a row into the journal, if there is one."""
        if self._journal is not None:
            self._journal.add(key, row)

    def _tell(self, utterance: Utterance) -> None:
        self._utterances.append(utterance)
        if self.found is not None:
            self.found(utterance)

    def _reach(self, position: float) -> None:
        self._position = min(position, self.source.end)
        self._keep(POSITION, {"seconds": self._position, "notes": self.source.notes})
        self._say("utterances", self._position)

    def _say(self, stage: str, done: float) -> None:
        if self.progress is None:
            return
        of, start = self.source.of, self.source.start
        spent, read = time.monotonic() - self._began, done - self._from
        left = spent / read * max(of - done, 0.0) if of is not None and read > 0 else None
        self.progress(Progress(stage, done - start, None if of is None else of - start, left))
