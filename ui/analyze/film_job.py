"""A film of a recording, made in a thread of its own while the page shows how far it is."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mmer_core.media.file_checks import MediaError, display_name
from mmer_core.runs.defects import log_defect
from ui.analyze.kept_file import KeptFile
from ui.analyze.source import Source
from ui.at_work import begin
from ui.text import sentence_case

if TYPE_CHECKING:
    from mmer_core.recordings import Recording

SIDE = 1280  # pixels of the longer side, at most: what a browser has to load stays within reason
log = logging.getLogger(__name__)


class FilmJob:
    """Makes a film; ends by itself when it is done, cancelled, or nobody holds the job any more. The film is
    in a private folder that goes with the job.

    Args:
        source: that was read.
        recording: what is drawn.
        names: of speakers.
        called: {`Person.number`: what to call them}.

    Attributes:
        done: share of the film, 0 to 1.
        path: of the film, when it is made; else None.
        notes: about what is missing in it.
        error: why there is none, in one sentence; "" otherwise.
    """

    def __init__(
        self, source: Source, recording: Recording, names: Mapping[int, str], called: Mapping[int, str]
    ) -> None:
        self.done, self.error = 0.0, ""
        self.path: Path | None = None
        self.notes: tuple[str, ...] = ()
        self._kept: KeptFile | None = None
        self._forgotten = False
        self._ended, self._stop = threading.Event(), threading.Event()
        run = _run  # holds no job: a job that nobody holds is gone, and its thread sees that
        begin(
            threading.Thread(
                target=run,
                args=(weakref.ref(self), source, recording, (names, called)),
                name="film",
                daemon=True,
            )
        )

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self._ended.is_set()

    def cancel(self) -> None:
        """End it within a second; nothing is left of the film."""
        self._stop.set()

    def forget(self) -> None:
        """Cancel it, and remove the film if it is there."""
        self._forgotten = True
        self.cancel()
        if self._kept is not None:
            self._kept.remove()

    def cancelled(self) -> bool:
        """Whether it was told to end."""
        return self._stop.is_set()

    def end(self, kept: KeptFile | None, path: Path | None, notes: tuple[str, ...], error: str) -> None:
        """Take what came of it."""
        self._kept, self.path, self.notes, self.error = kept, path, notes, error
        if self._forgotten and kept is not None:
            kept.remove()
        self._ended.set()


def _run(
    job: Callable[[], FilmJob | None],
    source: Source,
    recording: Recording,
    names: tuple[Mapping[int, str], Mapping[int, str]],
) -> None:
    from mmer_core.media.film import Stopped

    kept: KeptFile | None = None
    path: Path | None = None
    notes: tuple[str, ...] = ()
    error = ""
    try:
        kept = source.kept()
        path, notes = _made(job, kept, recording, names)
    except Stopped:
        pass
    except (MediaError, OSError) as reason:
        error = sentence_case(str(reason).replace("recording", display_name(source.name), 1))
    except Exception as reason:  # noqa: BLE001  told to the person and to the log
        log_defect(log, "a film could not be made", reason)
        error = (
            f"The video could not be made ({type(reason).__name__}): try another recording; the app's log "
            "has the details."
        )
    if (alive := job()) is not None:
        alive.end(kept, path, notes, error)


def _made(
    job: Callable[[], FilmJob | None],
    kept: KeptFile,
    recording: Recording,
    names: tuple[Mapping[int, str], Mapping[int, str]],
) -> tuple[Path, tuple[str, ...]]:
    """The film and what is missing in it."""
    from mmer_core.recordings.exports.film import write_film

    length = max(recording.end - recording.start, 0.001)

    def progress(seconds: float) -> None:
        if (alive := job()) is not None:
            alive.done = min(seconds / length, 1.0)

    def stop() -> bool:
        alive = job()
        return alive is None or alive.cancelled()

    path = kept.folder / f"film-{threading.get_ident()}.mp4"
    speakers, called = names
    notes = write_film(
        recording,
        kept.path,
        path,
        names=speakers,
        called=called,
        side=SIDE,
        progress=progress,
        stop=stop,
    )
    return path, notes
