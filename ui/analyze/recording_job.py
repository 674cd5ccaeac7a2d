"""One recording being read in a thread of its own, while the page shows what was found so far."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mmer_core.media.file_checks import MediaError, display_name
from mmer_core.runs.defects import log_defect
from ui.analyze.kept_file import KeptFile
from ui.analyze.source import Source
from ui.at_work import begin, person
from ui.text import sentence_case
from ui.turns import Turn, recordings, turns

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.recordings import Progress, Recording, Utterance

JOBS = "recordings"  # in the session: the recordings that this visit reads or has read
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """What is to be read.

    Attributes:
        source: what was given; of a stretch, this is read.
        model: that answers.
        apart: tell the speakers apart.
    """

    source: Source
    model: EmotionModel
    apart: bool


class RecordingJob:
    """Reads a recording; ends by itself when it is done, told to stop, or nobody holds the job any more.

    Args:
        order: what is to be read.

    Attributes:
        order: as given.
        utterances: those that were read, in order of time; grows while it runs, and who is who may change.
        progress: how far it is; None at first.
        recording: the whole, when it has ended.
        error: why nothing could be read, in one sentence; "" otherwise.
        turn: its place in the line, once it has one.
    """

    def __init__(self, order: Order) -> None:
        self.order = order
        self._kept: KeptFile | None = None
        self._forgotten = False
        self.go_on()

    def go_on(self) -> None:
        """Read from the beginning or, after a stop, from there: what was read is kept beside the file."""
        self.utterances: list[Utterance] = []
        self.progress: Progress | None = None
        self.recording: Recording | None = None
        self.error = ""
        self.turn: Turn | None = None
        self._ended, self._stop = threading.Event(), threading.Event()
        run = _run  # holds no job: a job that nobody holds is gone, and its thread sees that
        begin(
            threading.Thread(
                target=run,
                args=(weakref.ref(self), self.order, self._kept, person()),
                name="recording",
                daemon=True,
            )
        )

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def stop(self) -> None:
        """Stop after the utterance that is being read; what was read stays."""
        self._stop.set()

    def forget(self) -> None:
        """Stop, and remove what was written for it."""
        self._forgotten = True
        self.stop()
        if self._kept is not None:
            self._kept.remove()

    def stopped(self) -> bool:
        return self._stop.is_set()

    def end(self, recording: Recording | None, error: str, kept: KeptFile | None) -> None:
        """Called by the thread when there is nothing more to come; the file stays while a second start may go
        on with it.
        """
        self.recording, self.error = recording, error
        self._kept = None if recording is not None and recording.complete else kept
        if self._forgotten and kept is not None:
            kept.remove()
        self._ended.set()


def _run(job: Callable[[], RecordingJob | None], order: Order, kept: KeptFile | None, person: str) -> None:
    recording, error = None, ""
    try:
        kept = kept or order.source.kept()
        recording = _in_turn(job, order, kept, person)
    except MediaError as reason:
        error = _sentence(str(reason), kept, order.source)
    except Exception as reason:  # noqa: BLE001  told to the person and to the log
        log_defect(log, "a recording could not be read", reason)
        error = (
            f"This recording could not be read ({type(reason).__name__}): try another one; the app's log has "
            "the details."
        )
    if (alive := job()) is not None:
        alive.end(recording, error, kept)


def _sentence(reason: str, kept: KeptFile | None, source: Source) -> str:
    """The core's reason as a sentence, with the name that the person knows."""
    if kept is None or not reason.startswith(kept.path.name):
        return sentence_case(reason)
    return f"{display_name(source.name)}{reason.removeprefix(kept.path.name).removesuffix('.')}."


def _in_turn(
    job: Callable[[], RecordingJob | None], order: Order, kept: KeptFile, person: str
) -> Recording | None:
    """The recording, read when it is its turn; after each utterance others have theirs. None: it was stopped
    before it began.
    """

    def stop() -> bool:
        alive = job()
        return alive is None or alive.stopped()

    def begun(turn: Turn) -> bool:
        if (alive := job()) is not None:
            alive.turn = turn
        del alive
        return turn.begin(stop)

    with recordings().join(person) as place:
        if not begun(place):
            return None
        with turns().join(person) as turn:
            return _read(job, order, kept, lambda: not turn.go_on(stop), stop) if begun(turn) else None


def _read(
    job: Callable[[], RecordingJob | None],
    order: Order,
    kept: KeptFile,
    stop: Callable[[], bool],
    cancel: Callable[[], bool],
) -> Recording:
    """The recording; what was read by an earlier start comes at once."""
    from mmer_core.media.speakers import SpeakerStream
    from mmer_core.recordings import read_recording

    def found(utterance: Utterance) -> None:
        if (alive := job()) is not None:
            alive.utterances.append(utterance)

    def progress(state: Progress) -> None:
        if (alive := job()) is not None:
            alive.progress = state

    start, end = order.source.stretch or (0.0, None)
    what = f"{order.source.digest[:16]}-{order.model.identity['sha256'][:16]}-{order.apart}"
    read = read_recording(
        kept.path,
        order.model,
        start=start,
        end=end,
        speakers=SpeakerStream if order.apart else None,
        progress=progress,
        found=found,
        journal=kept.folder / f"{what}.csv",
        stop=stop,
        cancel=cancel,
    )
    return replace(read, name=order.source.shown)
