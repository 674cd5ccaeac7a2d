"""The threads of a live reading. They start with the first picture or sound and end by themselves once
nothing comes and nobody asks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import numpy as np

from mmer_core.inference.live.reader import LiveReader, Moment
from mmer_core.runs.defects import log_defect

log = logging.getLogger(__name__)


class LiveWorkers:
    """Runs the steps of a reader beside what feeds it.

    Args:
        reader: its `add_picture` and `add_sound` are called through here.
    """

    def __init__(self, reader: LiveReader) -> None:
        self.reader = reader
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._noticed = reader.clock()  # when something came in, or somebody asked

    @property
    def running(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def add_picture(self, picture: np.ndarray) -> None:
        """`LiveReader.add_picture`, at work."""
        self._notice()
        self.reader.add_picture(picture)

    def add_sound(self, samples: np.ndarray) -> None:
        """`LiveReader.add_sound`, at work."""
        self._notice()
        self.reader.add_sound(samples)

    def now(self) -> Moment:
        """`LiveReader.now`; it keeps the threads alive."""
        self._noticed = self.reader.clock()
        return self.reader.now()

    def stop(self) -> None:
        """End the threads and forget everything."""
        with self._lock:
            self._stop.set()
            self.reader.picture_came.set()
            for thread in self._threads:
                if thread is not threading.current_thread():
                    thread.join(5)
            self.reader.clear()
            self._threads = []

    def _notice(self) -> None:
        self._noticed = self.reader.clock()
        if self._threads:
            return
        with self._lock:
            if self._threads:
                return
            self._stop = threading.Event()
            settings = self.reader.settings
            self._threads = [
                threading.Thread(
                    target=self._run, args=(self._stop, step, wait), name=f"live-{name}", daemon=True
                )
                for name, step, wait in (
                    ("visual", self.reader.read_visual, 1 / settings.faces_per_second),
                    ("audio", self.reader.read_audio, settings.audio_every),
                    ("text", self.reader.read_text, settings.text_every),
                )
            ]
            self._threads.append(
                threading.Thread(target=self._watch, args=(self._stop,), name="live-watch", daemon=True)
            )
            for thread in self._threads:
                thread.start()

    def _run(self, stop: threading.Event, step: Callable[[], bool], every: float) -> None:
        """Do the step again and again, each `every` seconds after the last one began, or at once if it took
        longer.
        """
        wait = 0.0
        while not stop.wait(wait):
            if step == self.reader.read_visual:
                self.reader.picture_came.wait(self.reader.settings.lost)
                self.reader.picture_came.clear()
            began = self.reader.clock()
            try:
                step()
            except Exception as error:  # noqa: BLE001  told to the log; the next picture is another
                log_defect(log, "a step of the live reading failed; it goes on with the next", error)
            wait = max(0.005, every - (self.reader.clock() - began))

    def _watch(self, stop: threading.Event) -> None:
        """Let everything go once nothing comes in and nobody asks: the page was left or closed."""
        idle = self.reader.settings.idle
        while not stop.wait(idle / 4):
            if self.reader.clock() - self._noticed > idle:
                self.stop()
                return
