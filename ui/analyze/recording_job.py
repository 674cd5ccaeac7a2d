"""One recording being read in a thread of its own, while the page shows what was found so far."""

from __future__ import annotations

import logging
import tempfile
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmer_core.media.loading import MediaError, display_name
from ui.analyze.source import Source
from ui.text import sentence_case

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.recordings import Progress, Recording, Utterance

JOBS = "recordings"  # in the session: the recordings that this visit reads or has read
log = logging.getLogger(__name__)


class RecordingJob:
    """Reads a recording; ends by itself when it is done, told to stop, or nobody holds the job any more.

    Args:
        source: what was given, with its bytes.
        model: that answers.
        apart: tell the speakers apart first.

    Attributes:
        utterances: those that were read, in order of time; grows while it runs.
        progress: how far it is; None at first.
        recording: the whole, when it has ended.
        error: why nothing could be read, in one sentence; "" otherwise.
    """

    def __init__(self, source: Source, model: EmotionModel, *, apart: bool) -> None:
        self.utterances: list[Utterance] = []
        self.progress: Progress | None = None
        self.recording: Recording | None = None
        self.error = ""
        self._ended, self._stop = threading.Event(), threading.Event()
        run = _run  # holds no job: a job that nobody holds is gone, and its thread sees that
        threading.Thread(
            target=run, args=(weakref.ref(self), source, model, apart), name="recording", daemon=True
        ).start()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def stop(self) -> None:
        """Stop after the utterance that is being read; what was read stays."""
        self._stop.set()

    def stopped(self) -> bool:
        return self._stop.is_set()

    def end(self, recording: Recording | None, error: str = "") -> None:
        """Called by the thread when there is nothing more to come."""
        self.recording, self.error = recording, error
        self._ended.set()


def _run(job: Callable[[], RecordingJob | None], source: Source, model: EmotionModel, apart: bool) -> None:
    recording, error = None, ""
    try:
        recording = _read(job, source, model, apart)
    except MediaError as reason:
        error = sentence_case(str(reason))
    except Exception as reason:
        log.exception("a recording could not be read")
        error = (
            f"This recording could not be read ({type(reason).__name__}): try another one; the app's log has "
            "the details."
        )
    if (alive := job()) is not None:
        alive.end(recording, error)


def _read(
    job: Callable[[], RecordingJob | None], source: Source, model: EmotionModel, apart: bool
) -> Recording:
    """The recording, from a private file that is gone at the end."""
    from mmer_core.media.speakers import diarise
    from mmer_core.recordings import read_recording

    def found(utterance: Utterance) -> None:
        if (alive := job()) is not None:
            alive.utterances.append(utterance)

    def progress(state: Progress) -> None:
        if (alive := job()) is not None:
            alive.progress = state

    def stop() -> bool:
        alive = job()
        return alive is None or alive.stopped()

    with tempfile.TemporaryDirectory(prefix="mmer-") as folder:
        path = Path(folder) / "recording"
        path.write_bytes(source.data or b"")
        read = read_recording(
            path, model, speakers=diarise if apart else None, progress=progress, found=found, stop=stop
        )
    return replace(read, name=display_name(source.name))
