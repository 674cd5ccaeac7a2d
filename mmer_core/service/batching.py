"""Work that is done for several requests at once: what arrives while a batch is gathered joins it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """One thread that takes what is there, up to `most` items, and works on all of it in one call.

    Args:
        work: does a batch; returns as many results, of which an exception is raised to its own client.
        window: seconds for which the first item waits for others.
        most: items of a batch.
        waited: called with the seconds that an item waited.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Sequence[R | Exception]],
        *,
        window: float,
        most: int,
        waited: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._work, self._window, self._most, self._waited = work, window, most, waited
        self._items: queue.SimpleQueue[tuple[T, Future[R], float] | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mmer-words", daemon=True)
        self._thread.start()

    def submit(self, item: T) -> Future[R]:
        """The result of an item, when its batch is done."""
        future: Future[R] = Future()
        self._items.put((item, future, time.monotonic()))
        return future

    def close(self) -> None:
        """Finish the batch in hand and cancel what waits."""
        self._closed.set()
        self._items.put(None)

    def join(self) -> None:
        """Wait until the batch in hand is done; after `close`."""
        self._thread.join()

    def _run(self) -> None:
        while True:
            batch = self._gather()
            if self._closed.is_set():
                self._cancel(batch)
                return
            now = time.monotonic()
            begun = [row for row in batch if row[1].set_running_or_notify_cancel()]
            for _, _, since in begun:
                self._waited(now - since)
            if begun:
                self._do(begun)

    def _gather(self) -> list[tuple[T, Future[R], float]]:
        """The items of one batch; ends at once when closed."""
        row = self._items.get()
        batch = [] if row is None else [row]
        end = time.monotonic() + self._window
        while row is not None and len(batch) < self._most:
            try:
                row = self._items.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            batch += [] if row is None else [row]
        return batch

    def _do(self, batch: Sequence[tuple[T, Future[R], float]]) -> None:
        results: Sequence[R | Exception]
        try:
            results = self._work([item for item, _, _ in batch])
        except Exception as error:  # noqa: BLE001  whatever went wrong belongs to those who wait for it
            results = [error] * len(batch)
        for (_, future, _), result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _cancel(self, batch: Sequence[tuple[T, Future[R], float]]) -> None:
        """Cancel these items and all that wait."""
        for _, future, _ in batch:
            future.cancel()
        while True:
            try:
                row = self._items.get_nowait()
            except queue.Empty:
                return
            if row is not None:
                row[1].cancel()
