"""Read many clips with one model, each a row of a table, in one process or several side by side."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from mmer_core.batch.inputs import Input
from mmer_core.batch.journal import Journal
from mmer_core.batch.rows import Row, row_of, table_columns, unread_row, write_frame
from mmer_core.features.workers import end_with_parent
from mmer_core.labels import Modality
from mmer_core.runs.tables import in_one_step

if TYPE_CHECKING:
    from mmer_core.clip import Clip
    from mmer_core.inference.baseline import Baseline
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.prediction import Prediction

ENDED = "the process that read it was ended (out of memory, or a crash in a library)"
_FORMATS = (".csv", ".parquet")
_AHEAD = 1  # clips that are handed out in advance, so that no process waits


@dataclass(frozen=True)
class Reading:
    """How clips are read: the model, and what every process needs to load it.

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


class Reader:
    """A loaded model that makes a row of a clip; one for each process."""

    def __init__(self, reading: Reading) -> None:
        from mmer_core.inference.emotion_model import EmotionModel

        self.model: EmotionModel = EmotionModel.load(reading.folder, reading.device)
        self._use = [m for m in self.model.modalities if m not in reading.without]
        self._before = reading.before
        self._baseline: Mapping[Modality, Baseline] = (
            self.model.baseline(reading.baseline) if reading.baseline else {}
        )

    def read(self, given: Input) -> tuple[Prediction, Clip] | str:
        """The answer to one clip and the clip with its words, or why it cannot be read."""
        from mmer_core.media import loading

        try:
            clip = loading.load_clip(Path(given.path), text=given.text).after(self._before)
        except (loading.MediaError, OSError) as error:
            return f"not read: {error}"
        observation = self.model.observe(clip, use=self._use)
        prediction = self.model.fuse(self.model.with_baseline(observation, self._baseline), self._use)
        return prediction, observation.clip

    def row(self, given: Input) -> Row:
        """The row of one clip; the reason where it cannot be read."""
        from mmer_core.inference.windows import length

        found = self.read(given)
        if isinstance(found, str):
            return unread_row(given.path, found)
        prediction, clip = found
        return row_of(given.path, prediction, length(clip), clip.text or "")


def predict_files(
    inputs: Sequence[Input],
    out: Path,
    reading: Reading,
    *,
    jobs: int = 1,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Read clips and write a table with a row for each, see `rows.table_columns`.

    Rows are kept beside the table as they come; started again after a kill, only what is missing is read.
    A file that changed meanwhile is read again.

    Args:
        inputs: the clips; rows come in this order.
        out: the table, CSV or Parquet by its suffix.
        reading: the model and how to read.
        jobs: processes; each loads the model once, and with several each computes in one thread.
        overwrite: replace a table that is there.
        progress: called with the number of clips done and of all.

    Returns:
        The table as it was written.

    Raises:
        ValueError: another suffix, or a table that is there already.
        CheckpointError: the model cannot be loaded.
        OSError: the table cannot be written; what was read is kept for the next start.
    """
    if out.suffix.lower() not in _FORMATS:
        raise ValueError(f"{out} is neither CSV nor Parquet: end its name in .csv or .parquet")
    if out.exists() and not overwrite:
        raise ValueError(f"{out} is there already: choose another name, or add --overwrite")
    reader = Reader(reading)
    columns = table_columns(reader.model.labels, reader.model.modalities)
    journal = Journal(out, _about(reading, reader.model.identity["sha256"]))
    keys = [_key(given) for given in inputs]
    missing = {key: given for key, given in zip(keys, inputs, strict=True) if key not in journal.rows}
    jobs = max(1, min(jobs, len(missing)))
    done = len(keys) - len(missing)
    with journal:
        found = _alone(reader, missing) if jobs == 1 else _side_by_side(reading, missing, jobs)
        for key, row in found:
            journal.add(key, row)
            done += 1
            if progress is not None:
                progress(done, len(keys))
    table = pd.DataFrame([journal.rows[key] for key in keys], columns=list(columns))
    _write(table, out)
    journal.remove()
    return table


def _about(reading: Reading, sha256: str) -> Mapping[str, object]:
    return {
        "model": sha256,
        "without": [m.value for m in reading.without],
        "before": list(reading.before),
        "baseline": [_key(Input(str(path))) for path in reading.baseline],
    }


def _key(given: Input) -> str:
    """A clip and its state on the disk: another size or time of change makes it another clip."""
    try:
        state = Path(given.path).stat()
        stamp = [state.st_size, state.st_mtime_ns]
    except OSError:
        stamp = []
    return hashlib.sha256(json.dumps([given.to_json(), stamp]).encode()).hexdigest()


def _alone(reader: Reader, missing: Mapping[str, Input]) -> Iterator[tuple[str, Row]]:
    yield from ((key, reader.row(given)) for key, given in missing.items())


_worker: dict[str, Reader] = {}  # one per process: the reader of this process


def _start(reading: Reading) -> None:
    """Prepare this process: one thread of the processor, its own model, and an end with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    end_with_parent()
    import cv2
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    _worker["reader"] = Reader(reading)


def _row(given: Input) -> Row:
    return _worker["reader"].row(given)


def _side_by_side(reading: Reading, missing: Mapping[str, Input], jobs: int) -> Iterator[tuple[str, Row]]:
    """Rows as they get done. When a process is ended from outside, the clips in hand are read again, each in
    a process of its own, so that one clip costs one row; then it goes on as before.
    """
    waiting = dict(missing)
    while waiting:
        in_hand: list[str] = []
        try:
            for key, row in _pool(reading, waiting, jobs, in_hand):
                yield key, row
        except BrokenProcessPool:
            for key in in_hand:
                given = missing[key]
                try:
                    yield from _pool(reading, {key: given}, 1, [])
                except BrokenProcessPool:
                    yield key, unread_row(given.path, ENDED)


def _pool(
    reading: Reading, waiting: dict[str, Input], jobs: int, in_hand: list[str]
) -> Iterator[tuple[str, Row]]:
    """Rows of the clips in `waiting`, from which each is taken when it is handed out; `in_hand` has those
    whose row has not come back.
    """
    context = multiprocessing.get_context("spawn")  # threads of torch and onnxruntime do not survive a fork
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_start, initargs=(reading,))
    pending: dict[Future[Row], str] = {}
    try:
        while waiting or pending:
            while waiting and len(pending) < jobs + _AHEAD:
                key = next(iter(waiting))
                in_hand.append(key)
                pending[pool.submit(_row, waiting.pop(key))] = key
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                row = future.result()
                key = pending.pop(future)
                in_hand.remove(key)
                yield key, row
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _write(table: pd.DataFrame, out: Path) -> None:
    """The table in one step: a reader sees none or the whole one."""
    with in_one_step(out) as draft:
        write_frame(table, draft)
