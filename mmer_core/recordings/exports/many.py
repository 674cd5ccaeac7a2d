"""Many recordings at once: a row for each utterance, and one for what is to be said of a whole file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmer_core.batch.processes import Task
from mmer_core.batch.rows import NOT_READ, Row, unread_row
from mmer_core.labels import Modality

EMPTY = "no utterance was found: nobody speaks, and no face is in view for long enough"


@dataclass(frozen=True)
class UtteranceReading:
    """A row for each utterance of each file; see `batch.prediction.Reading`.

    Attributes:
        folder: of the model, or of a run.
        device: to compute on.
        without: modalities that are switched off.
        start: seconds at which to begin in each file.
        end: seconds at which to end; None: at the end of the file.
        speakers: tells speakers apart in each file, see `read_recording`; it can be pickled. None leaves them
            open.
    """

    folder: Path
    device: str = "auto"
    without: tuple[Modality, ...] = ()
    start: float = 0.0
    end: float | None = None
    speakers: Callable[..., Any] | None = None

    def reader(self) -> UtteranceReader:
        """See `batch.prediction.Reading`."""
        return UtteranceReader(self)

    def columns(self, labels: Sequence[str], modalities: Sequence[Modality]) -> Sequence[str]:
        """path, and then those of the table of one recording."""
        from mmer_core.recordings.exports.table import columns

        return ("path", *columns(labels, modalities))

    def about(self) -> Mapping[str, Any]:
        """See `batch.prediction.Reading`."""
        return {
            "rows": "utterances",
            "without": [m.value for m in self.without],
            "start": self.start,
            "end": self.end,
            "speakers": self.speakers is not None,
        }


class UtteranceReader:
    """A loaded model that makes rows of a recording; one for each process."""

    def __init__(self, reading: UtteranceReading) -> None:
        from mmer_core.inference.emotion_model import EmotionModel

        self._reading = reading
        self._model: EmotionModel = EmotionModel.load(reading.folder, reading.device)
        self._use = [m for m in self._model.modalities if m not in reading.without]

    def rows(self, task: Task) -> list[Row]:
        """The utterances of one file; a row without times where it cannot be read, breaks off, has none, or
        has notes. What a start before this one read of it is used.

        Raises:
            NoRoom: the temporary folder is full, which no other file would change.
            OSError: what is read cannot be kept.
        """
        from mmer_core.media.file_checks import MediaError, NoRoom
        from mmer_core.recordings.exports.table import rows_of
        from mmer_core.recordings.reading import read_recording

        path, how = task.given.path, self._reading
        try:
            recording = read_recording(
                path,
                self._model,
                start=how.start,
                end=how.end,
                use=self._use,
                speakers=how.speakers,
                journal=task.beside,
            )
        except NoRoom:
            raise
        except MediaError as error:
            return [unread_row(path, str(error))]
        notes = "; ".join(recording.notes)
        rows = [{**row, "path": path} for row in rows_of(recording)]
        if not recording.complete:
            rows.append({"path": path, "reason": f"{NOT_READ} to its end: {notes}"})
        elif notes or not rows:
            rows.append({"path": path, "reason": "; ".join(filter(None, ["" if rows else EMPTY, notes]))})
        return rows
