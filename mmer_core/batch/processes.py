"""Processes that read files side by side, on this machine or a cluster, each with a model of its own in one
thread of the processor. One that is ended from outside costs one file at most.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

from mmer_core.backends import LOCAL, Backend, Ended, backend
from mmer_core.batch.inputs import Input
from mmer_core.batch.rows import Row, unread_row
from mmer_core.batch.urls import local_copy
from mmer_core.config import ONE_THREAD
from mmer_core.features.workers import prepare_process
from mmer_core.inference.memory import keep_little
from mmer_core.media.places import is_url

ENDED = "the process that read it was ended (out of memory, or a crash in a library)"
_AHEAD = 1  # files that are handed out in advance, so that no process waits


class Task(NamedTuple):
    """A file to read.

    Attributes:
        given: the file.
        beside: see `journal.beside`; a reader may keep there what it has read of this file. None: there is no
            such place, as with a table at a URL or a reader on another machine.
    """

    given: Input
    beside: Path | None


class FileReader(Protocol):
    """A loaded model that makes rows of a file."""

    def rows(self, task: Task) -> list[Row]:
        """At least one row; the reason in it where the file cannot be read."""


class Loads(Protocol):
    """What a process needs to begin; it can be pickled."""

    def reader(self) -> FileReader:
        """Load the model."""


Found = Iterator[tuple[str, list[Row]]]
_worker: dict[str, FileReader | Exception] = {}  # one per process: its reader, or why it has none


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread meanwhile, unless OMP_NUM_THREADS says otherwise: threads of one network wait for
    each other at every layer, and where anything else runs on the machine two take longer than one.
    """
    if os.environ.get("OMP_NUM_THREADS"):
        yield
        return
    import cv2
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    own = {name: os.environ[name] for name in ONE_THREAD if name in os.environ}
    os.environ |= ONE_THREAD
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        for name in ONE_THREAD:
            del os.environ[name]
        os.environ |= own
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def _start(loads: Loads) -> None:
    """Prepare this process: one thread of the processor, its own model."""
    prepare_process()
    keep_little()
    import cv2
    import torch

    from mmer_core.media.file_checks import MediaError

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        _worker["reader"] = loads.reader()
    except (RuntimeError, ValueError, OSError, MediaError) as error:  # the first file raises it in the parent
        _worker["reader"] = error


def _rows(task: Task) -> list[Row]:
    reader = _worker["reader"]
    if isinstance(reader, Exception):
        raise reader
    return rows_of_file(reader, task)


def rows_of_file(reader: FileReader, task: Task) -> list[Row]:
    """What a reader makes of a file; of one at a URL, it gets a copy that is gone afterwards, and whose path
    is in the rows.
    """
    url = task.given.path
    if not is_url(url):
        return reader.rows(task)
    with contextlib.ExitStack() as stack:
        try:
            copy = stack.enter_context(local_copy(url))
        except OSError as error:
            return [unread_row(url, str(error))]
        return reader.rows(task._replace(given=replace(task.given, path=str(copy))))


def side_by_side(loads: Loads, missing: Mapping[str, Task], jobs: int, where: str = LOCAL) -> Found:
    """Rows as they get done. When a process of this machine is ended from outside, the files in hand are read
    again, each in a process of its own, so that one file costs one row; then it goes on as before. What a
    cluster loses it begins again by itself, see `backends`.

    Args:
        loads: what each process begins with.
        missing: {key: file}.
        jobs: how many at a time.
        where: name of the backend.

    Raises:
        CheckpointError, EncoderUnavailable: the model cannot be loaded.
        BackendUnavailable: the backend cannot be used.
    """
    made_by = backend(where)
    waiting = dict(missing)
    while waiting:
        in_hand: list[str] = []
        try:
            yield from _pool(loads, waiting, jobs, in_hand, made_by)
        except BrokenExecutor:
            for key in in_hand:
                try:
                    yield from _pool(loads, {key: missing[key]}, 1, [], made_by)
                except BrokenExecutor:
                    yield key, [unread_row(missing[key].given.path, ENDED)]


def _pool(loads: Loads, waiting: dict[str, Task], jobs: int, in_hand: list[str], made_by: Backend) -> Found:
    """Rows of the files in `waiting`, from which each is taken when it is handed out; `in_hand` has those
    whose rows have not come back.
    """
    pool = made_by.executor(jobs, _start, (loads,))
    pending: dict[Future[list[Row]], str] = {}
    task_of: dict[str, Task] = {}
    try:
        while waiting or pending:
            while waiting and len(pending) < jobs + _AHEAD:
                key = next(iter(waiting))
                in_hand.append(key)
                task_of[key] = waiting.pop(key)
                pending[pool.submit(_rows, task_of[key])] = key
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                key = pending[future]
                try:
                    rows = future.result()
                except Ended:
                    rows = [unread_row(task_of[key].given.path, ENDED)]
                del pending[future]
                in_hand.remove(key)
                yield key, rows
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
