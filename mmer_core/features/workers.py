"""Processes that encode side by side, on this machine or a cluster. One that is ended from outside (out of
memory, a crash in a library) costs one utterance, not the run.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from multiprocessing.connection import wait as wait_for
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from mmer_core.backends import LOCAL, Ended, backend
from mmer_core.config import ONE_THREAD
from mmer_core.encoders.request import EncoderRequest
from mmer_core.features import gathering
from mmer_core.features.encoding import Outcome, Task, Worker
from mmer_core.features.store import FeatureStore
from mmer_core.media.private_folder import work_in_private_folder

AHEAD = 2  # chunks per process that are handed out in advance
# after so many ended processes in a row, the machine is at fault rather than a clip
PATIENCE = 3
ENDED = "the process that encoded it was ended (out of memory, or a crash in a library)"

#: A chunk of tasks and their outcomes.
Done = tuple[Sequence[Task], list[Outcome]]


class ExtractionError(ValueError):
    """Extraction cannot go on; the message says what to do."""


class WorkerPool:
    """Processes that encode for one store.

    Args:
        folder: of the store.
        encoders: {request: fingerprint} of what to encode with; registered in the store.
        jobs: how many processes.
        device: that the encoders compute on.
        where: name of the backend that has the processes.
    """

    def __init__(
        self,
        folder: Path,
        encoders: Mapping[str, str],
        jobs: int,
        *,
        device: str = "cpu",
        where: str = LOCAL,
    ) -> None:
        self._folder, self._encoders, self._jobs, self._device = folder, dict(encoders), jobs, device
        self._backend = backend(where)
        self._stop = multiprocessing.get_context("spawn").Event()
        self._ended_in_a_row = 0

    def work(self, chunks: Iterable[Sequence[Task]]) -> Iterator[Done]:
        """Encode chunks in whatever order they get done. When it is closed or interrupted, each process still
        finishes its utterance.

        Raises:
            ExtractionError: process after process is ended.
            BackendUnavailable: the backend cannot be used.
        """
        remaining = iter(chunks)
        handed_out = next(remaining, None)
        while handed_out is not None:  # once for each set of processes
            suspects: list[Sequence[Task]] = []
            yield from self._until_one_ends(handed_out, remaining, suspects)
            yield from self._one_by_one(suspects)
            handed_out = next(remaining, None)

    def _until_one_ends(
        self, first: Sequence[Task], remaining: Iterator[Sequence[Task]], suspects: list[Sequence[Task]]
    ) -> Iterator[Done]:
        """Encode until all is done, or until a process is ended; then `suspects` receives the chunks that
        were in its hands or its neighbours'. A chunk that a cluster lost again and again is taken apart.
        """
        pool = self._pool(self._jobs)
        pending: dict[Future[Any], Sequence[Task]] = {}
        chunk: Sequence[Task] | None = first
        try:
            while not suspects:
                try:
                    while chunk is not None:
                        pending[self._submit(pool, chunk)] = chunk
                        chunk = next(remaining, None) if len(pending) < AHEAD * self._jobs else None
                except BrokenExecutor:
                    suspects += [chunk] if chunk is not None else []
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    tasks = pending.pop(future)
                    try:
                        outcomes = self._taken(future)
                    except Ended:
                        if len(tasks) > 1:
                            pending |= {self._submit(pool, [task]): [task] for task in tasks}
                            continue
                        outcomes = self._ended(tasks[0])
                    except BrokenExecutor:
                        suspects.append(tasks)
                        continue
                    yield tasks, outcomes
                chunk = next(remaining, None) if not suspects else None
            suspects += pending.values()
        finally:
            if not suspects:
                self._stop.set()
            pool.shutdown(cancel_futures=True)

    def _one_by_one(self, suspects: Sequence[Sequence[Task]]) -> Iterator[Done]:
        """Find the utterance at which a process ends, with one process that encodes one at a time. Features
        that are stored already are not stored twice.
        """
        if not suspects:
            return
        pool = self._pool(1)
        try:
            for task in (task for chunk in suspects for task in chunk):
                try:
                    outcomes = self._taken(self._submit(pool, [task]))
                    self._ended_in_a_row = 0
                except BrokenExecutor:
                    pool.shutdown()
                    outcomes = self._ended(task)
                    pool = self._pool(1)
                yield [task], outcomes
        finally:
            pool.shutdown(cancel_futures=True)

    def _ended(self, task: Task) -> list[Outcome]:
        self._ended_in_a_row += 1
        if self._ended_in_a_row == PATIENCE:
            raise ExtractionError(
                f"{PATIENCE} encoding processes in a row were ended: free memory or use fewer "
                "--jobs; what is done is kept"
            )
        store = FeatureStore(self._folder)
        for request, key in task.wanted.items():
            store.add_failures(self._encoders[request], {key: ENDED})
        store.close()
        return [Outcome(task.utterance.id, request, "failed", ENDED) for request in task.wanted]

    def _submit(self, pool: Executor, tasks: Sequence[Task]) -> Future[Any]:
        if self._backend.here:
            return pool.submit(_encode, tasks)
        store = FeatureStore(self._folder)
        known = gathering.known_of(store, tasks)
        store.close()
        return pool.submit(gathering.encode, [gathering.sent(task) for task in tasks], known)

    def _taken(self, future: Future[Any]) -> list[Outcome]:
        """What became of a chunk; what comes from another machine is stored here."""
        found = future.result()
        if self._backend.here:
            return list(found)
        self._ended_in_a_row = 0
        outcomes, gathered = found
        store = FeatureStore(self._folder)
        gathered.into(store)
        store.close()
        return list(outcomes)

    def _pool(self, jobs: int) -> Executor:
        requests = list(self._encoders)
        if not self._backend.here:
            return self._backend.executor(jobs, gathering.start, (requests, self._device))
        return self._backend.executor(jobs, _start, (self._folder, requests, self._device, self._stop))


_state: dict[str, tuple[Worker, Event]] = {}  # one per process: its worker, and the event that says stop


def _start(folder: Path, requests: list[str], device: str, stop: Event) -> None:
    """Prepare this process: one thread of the processor, the encoders, its own connection to the store."""
    prepare_process()
    encoders = {
        request: EncoderRequest.parse(request).create(threads=1, device=device) for request in requests
    }
    _state["mine"] = Worker(FeatureStore(folder), encoders), stop


def prepare_process() -> None:
    """Make this process one of several side by side: it computes in one thread of the processor, works in a
    private folder, leaves interrupts to its parent, and ends with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent says when to stop
    os.environ |= ONE_THREAD
    end_with_parent()
    work_in_private_folder()


def end_with_parent() -> None:
    """Let this process end with its parent, in a thread that waits for it.

    A parent that is killed tells nobody; without this its processes would wait for work for ever.
    """
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _encode(tasks: Sequence[Task]) -> list[Outcome]:
    worker, stop = _state["mine"]
    return worker.encode(tasks, stop.is_set)
