"""Read many files with one model, each into rows of a table, in one process or several side by side."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mmer_core.backends import LOCAL, Backend, backend
from mmer_core.batch.inputs import Input
from mmer_core.batch.journal import Journal, beside
from mmer_core.batch.processes import FileReader, Found, Task, one_thread, rows_of_file, side_by_side
from mmer_core.batch.rows import Row, frame_of, row_of, table_columns, unread_row, write_frame
from mmer_core.batch.shards import ShardedJournal
from mmer_core.batch.target import check_free, written_to
from mmer_core.checkpoint import fingerprint
from mmer_core.labels import Modality, in_order
from mmer_core.media.places import is_url, place_of
from mmer_core.media.recogniser import words_from

if TYPE_CHECKING:
    import pandas as pd

    from mmer_core.clip import Clip
    from mmer_core.inference.baseline import Baseline
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.prediction import Prediction

FORMATS = (".csv", ".parquet")


class Reading(Protocol):
    """How files are read: the model, and what every process needs to load it. It can be pickled."""

    @property
    def folder(self) -> Path:
        """Of the model, or of a run."""

    def reader(self) -> FileReader:
        """Load the model."""

    def columns(self, labels: Sequence[str], modalities: Sequence[Modality]) -> Sequence[str]:
        """Of the table, for a model with these classes and modalities."""

    def about(self) -> Mapping[str, Any]:
        """What must be the same for rows of an earlier start to be used, beside the model; JSON."""


@dataclass(frozen=True)
class ClipReading:
    """A row for each clip.

    Attributes:
        folder: of the model, or of a run.
        device: to compute on.
        without: modalities that are switched off.
        before: turns of the conversation before each clip.
        baseline: files in which the person of the clips speaks as usual.
    """

    folder: Path
    device: str = "auto"
    without: tuple[Modality, ...] = ()
    before: tuple[str, ...] = ()
    baseline: tuple[Path, ...] = ()

    def reader(self) -> ClipReader:
        """See `Reading`."""
        return ClipReader(self)

    def columns(self, labels: Sequence[str], modalities: Sequence[Modality]) -> Sequence[str]:
        """See `Reading`."""
        return table_columns(labels, modalities)

    def about(self) -> Mapping[str, Any]:
        """See `Reading`."""
        return {
            "rows": "clips",
            "without": [m.value for m in self.without],
            "before": list(self.before),
            "baseline": [key_of(Input(str(path))) for path in self.baseline],
        }


class ClipReader:
    """A loaded model that makes a row of a clip; one for each process."""

    def __init__(self, reading: ClipReading) -> None:
        from mmer_core.inference.emotion_model import EmotionModel

        self.model: EmotionModel = EmotionModel.load(reading.folder, reading.device)
        self._use = [m for m in self.model.modalities if m not in reading.without]
        self._before = reading.before
        self._baseline: Mapping[Modality, Baseline] = (
            self.model.baseline(reading.baseline) if reading.baseline else {}
        )

    def read(self, given: Input) -> tuple[Prediction, Clip] | str:
        """The answer to one clip and the clip with its words, or why it cannot be read.

        Raises:
            NoRoom: the temporary folder is full, which no other clip would change.
        """
        from mmer_core.media import loading
        from mmer_core.media.file_checks import NoRoom

        try:
            clip = loading.load_clip(Path(given.path), text=given.text).after(self._before)
        except NoRoom:
            raise
        except (loading.MediaError, OSError) as error:
            return str(error)
        observation = self.model.observe(clip, use=self._use)
        prediction = self.model.fuse(self.model.with_baseline(observation, self._baseline), self._use)
        return prediction, observation.clip

    def rows(self, task: Task) -> list[Row]:
        """The row of one clip; the reason where it cannot be read."""
        from mmer_core.inference.windows import length

        path, found = task.given.path, self.read(task.given)
        if isinstance(found, str):
            return [unread_row(path, found)]
        prediction, clip = found
        return [row_of(path, prediction, length(clip), clip.text or "")]


def predict_files(
    inputs: Sequence[Input],
    out: Path | str,
    reading: Reading,
    *,
    jobs: int = 1,
    where: str = LOCAL,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Read files and write a table of their rows, in the order of the files.

    Rows are kept beside the table as they come; started again after a kill, only what is missing is read.
    A file that changed meanwhile is read again.

    Args:
        inputs: the files.
        out: the table, CSV or Parquet by its suffix; a path, or a URL that fsspec knows.
        reading: the model and how to read.
        jobs: processes; each loads the model once and computes in one thread (see `processes.one_thread`).
        where: the backend that has them, see `backends`; "local" with one job reads in this process. On
            another machine, files, model and baseline must be found under the same paths.
        overwrite: replace a table that is there.
        progress: called with the number of files done and of all.

    Returns:
        The table as it was written.

    Raises:
        ValueError: another suffix, or a table that is there already.
        CheckpointError, EncoderUnavailable: the model cannot be loaded.
        BackendUnavailable: the backend cannot be used.
        NoRoom: the temporary folder is full; what was read is kept for the next start.
        OSError: the table cannot be written; what was read is kept for the next start.
    """
    from mmer_core.inference import record as records

    out = place_of(str(out))
    check_format(out)
    check_free(out, overwrite=overwrite)
    model = records.read(records.model_folder(reading.folder))
    columns = reading.columns(model["labels"], in_order(map(Modality, model["modalities"])))
    about = {**reading.about(), "model": fingerprint(model), "words_from": words_from()}
    journal = Journal(out, about) if isinstance(out, Path) else ShardedJournal(out, about)
    keys = [key_of(given) for given in inputs]
    own = {key: given for key, given in zip(keys, inputs, strict=True) if key not in journal.rows}
    place = backend(where)
    missing = {key: _task(given, out, key, place) for key, given in own.items()}
    done = len(keys) - len(missing)
    with journal:
        for key, rows in _found(reading, missing, max(1, min(jobs, len(missing))), where):
            journal.add(key, [{**row, "path": own[key].path} for row in rows])
            if (kept := missing[key].beside) is not None:
                Journal(kept, {}).remove()
            done += 1
            if progress is not None:
                progress(done, len(keys))
    table = frame_of([row for key in keys for row in journal.rows[key]], columns)
    with written_to(out) as draft:
        write_frame(table, draft)
    journal.remove()
    return table


def _task(given: Input, out: Path | str, key: str, where: Backend) -> Task:
    """The file to read, by its whole path where that is done on another machine, with another current folder;
    there, a reader keeps nothing beside the table.
    """
    if not where.here and not is_url(given.path):
        given = replace(given, path=os.path.abspath(given.path))
    return Task(given, beside(out, key) if where.here and isinstance(out, Path) else None)


def _found(reading: Reading, missing: Mapping[str, Task], jobs: int, where: str) -> Found:
    if missing and (jobs > 1 or where != LOCAL):
        yield from side_by_side(reading, missing, jobs, where)
    elif missing:
        with one_thread():
            reader = reading.reader()
            yield from ((key, rows_of_file(reader, task)) for key, task in missing.items())


def check_format(out: Path | str) -> None:
    """Refuse a table that is neither CSV nor Parquet.

    Raises:
        ValueError: by the ending of its name.
    """
    if Path(out).suffix.lower() not in FORMATS:
        raise ValueError(f"{out} is neither CSV nor Parquet: end its name in .csv or .parquet")


def key_of(given: Input) -> str:
    """A file and its state on the disk: another size or time of change makes it another file. What is at a
    URL is taken to stay as it is: to ask for each of millions would take days.
    """
    try:
        state = Path(given.path).stat()
        stamp = [state.st_size, state.st_mtime_ns]
    except OSError:
        stamp = []
    return hashlib.sha256(json.dumps([given.to_json(), stamp]).encode()).hexdigest()
