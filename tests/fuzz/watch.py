"""One file through the entries that the app has for files, and what it cost and left behind."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Clip
from mmer_core.config import Limits
from mmer_core.media import decoding
from mmer_core.media.excerpt import cut_excerpt
from mmer_core.media.film import Script, Shown, make_film
from mmer_core.media.loading import MediaError, load_upload
from mmer_core.media.warm_decoder import Child, WarmDecoder

LIMITS = Limits()  # the app's own
GRACE = 5.0  # seconds over the limit before a file counts as too slow: the machine has other work
SETTLE = 2.0  # seconds in which a process that was ended is gone
SPAN = (0.1, 0.3)  # seconds of the stretches
ENTRIES = ("upload", "stretch", "excerpt", "film")
SCRIPT = Script(
    *SPAN, (Shown("A", "#ff0000", (((0.0, 1.0), ((0.1, 0.1, 0.9, 0.9),) * 2),)),), ((0.0, 1.0, "Hi"),)
)
FILM_SECONDS = 125.0  # what `make_film` gives such a film


@dataclass
class Outcome:
    """What came of a file.

    Attributes:
        kind: "answer", "in part" (an answer with notes), "refusal" or "fault".
        ended: how the decoding process ended where that was not by itself: "crash", "time" or "".
        seconds: from the start to the answer.
        held: the most memory that a forked decoding process held, bytes; 0 where that is not known.
        faults: what must not be, a sentence each.
    """

    kind: str = "fault"
    ended: str = ""
    seconds: float = 0.0
    held: int = 0
    faults: list[str] = field(default_factory=list)


class Watched(WarmDecoder):
    """A fork server whose children are remembered."""

    children: list[Child]

    def start(
        self, module: str, arguments: Sequence[str], source: BinaryIO, errors: BinaryIO, folder: Path
    ) -> Child:
        child = super().start(module, arguments, source, errors, folder)
        self.children.append(child)
        return child

    @property
    def server(self) -> int:
        """Process id of the server."""
        return 0 if self._process is None else self._process.pid


class Watch:
    """Puts a fork server and a temporary folder of its own in the place of the usual ones."""

    def __enter__(self) -> Self:
        self._outer = tempfile.TemporaryDirectory(prefix="fuzz-")
        root = Path(self._outer.name)
        self._scratch, self._own = root / "scratch", root / "own"
        self._scratch.mkdir()
        self._own.mkdir()
        self._before = tempfile.tempdir, decoding._WARM, decoding.run_limited
        self._statuses: list[int | None] = []
        self._decoder = Watched(decoding._environment)
        self._decoder.children = []
        tempfile.tempdir, decoding._WARM = str(self._scratch), self._decoder
        decoding.run_limited = self._run_limited
        self.attempt(b"RIFF", "upload")  # starts the server
        self.server, self._open = self._decoder.server, _descriptors("self")
        self._server_open = _descriptors(self.server)
        return self

    def __exit__(self, *_: object) -> None:
        tempfile.tempdir, decoding._WARM, decoding.run_limited = self._before
        self._decoder.close()
        self._outer.cleanup()

    def _run_limited(self, *arguments: Any, **options: Any) -> int | None:
        self._statuses.append(self._before[2](*arguments, **options))
        return self._statuses[-1]

    def attempt(self, content: bytes, entry: str) -> Outcome:
        """Read a file by one of `ENTRIES`."""
        outcome = Outcome()
        self._statuses.clear()
        self._decoder.children.clear()
        begin = time.monotonic()
        try:
            outcome.kind, faults = ENTRANCES[entry](self, content)
            outcome.faults += faults
        except MediaError as error:
            outcome.kind = "refusal"
            outcome.faults += _no_sentence(str(error))
        except Exception as error:  # noqa: BLE001 - exactly what is looked for
            outcome.faults.append(f"{type(error).__name__}: {error}")
        outcome.seconds = time.monotonic() - begin
        if None in self._statuses:
            outcome.ended = "time"
        elif any(status < 0 for status in self._statuses):
            outcome.ended = "crash"
        outcome.held = max((child.held for child in self._decoder.children), default=0)
        outcome.faults += self._costs(outcome, entry)
        return outcome

    def _costs(self, outcome: Outcome, entry: str) -> list[str]:
        """What the file cost too much."""
        most = (FILM_SECONDS if entry == "film" else LIMITS.wall_seconds) + GRACE
        checks = {
            f"{outcome.seconds:.1f} s": outcome.seconds > most,
            f"{outcome.held} bytes of memory": outcome.held > LIMITS.memory,
        }
        return [what for what, wrong in checks.items() if wrong]

    def left_behind(self) -> list[str]:
        """What there is that was not there before the first file; files, descriptors and processes."""
        found = [f"{path.name} in the temporary folder" for path in self._scratch.iterdir()]
        if self._decoder.server != self.server:
            found.append("the server had to be started again")
        opened = {"the app": ("self", self._open), "the server": (self.server, self._server_open)}
        for who, (process, before) in opened.items():
            if before is not None and not _soon(lambda p=process, b=before: (_descriptors(p) or 0) <= b):  # type: ignore[misc]
                found.append(f"{_descriptors(process)} descriptors of {who}, before {before}")
        if not _soon(lambda: not _children(self.server)):
            found.append(f"processes {_children(self.server)}")
        return found

    def _written(self, content: bytes) -> Path:
        path = self._own / "case"
        path.write_bytes(content)
        return path


def _upload(_: Watch, content: bytes) -> tuple[str, list[str]]:
    return _judged(load_upload(content, "case", limits=LIMITS))


def _stretch(_: Watch, content: bytes) -> tuple[str, list[str]]:
    return _judged(load_upload(content, "case", start=SPAN[0], end=SPAN[1], limits=LIMITS))


def _excerpt(watch: Watch, content: bytes) -> tuple[str, list[str]]:
    made = cut_excerpt(watch._written(content), *SPAN, LIMITS)
    return ("refusal" if made is None else "answer"), []


def _film(watch: Watch, content: bytes) -> tuple[str, list[str]]:
    notes = make_film(watch._written(content), watch._own / "film.mp4", SCRIPT, LIMITS, name="case")
    return ("in part" if notes else "answer"), [fault for note in notes for fault in _no_sentence(note)]


ENTRANCES: dict[str, Callable[[Watch, bytes], tuple[str, list[str]]]] = dict(
    zip(ENTRIES, (_upload, _stretch, _excerpt, _film), strict=True)
)


def _judged(clip: Clip) -> tuple[str, list[str]]:
    """Whether a clip holds together and within its limits: what the networks behind it rely on."""
    checks = {"a clip of nothing": clip.frames is None and clip.waveform is None}
    if clip.frames is not None and clip.times is not None:
        side = LIMITS.picture_side if clip.kind == "picture" else LIMITS.frame_side
        checks["frames of another shape"] = clip.frames.ndim != 4 or max(clip.frames.shape[1:3]) > side
        checks["frames without times"] = not 0 < len(clip.frames) == len(clip.times) <= LIMITS.max_frames
        checks["times out of order"] = bool((np.diff(clip.times) <= 0).any())
        checks["frames after the end"] = float(clip.times[-1]) > LIMITS.max_seconds
    if clip.waveform is not None:
        checks["no numbers in the sound"] = not np.isfinite(clip.waveform).all()
        checks["sound out of range"] = float(np.abs(clip.waveform).max(initial=0)) > 1
        checks["too much sound"] = len(clip.waveform) > LIMITS.max_seconds * SAMPLE_RATE
    checks["a length that cannot be"] = not 0 <= clip.duration <= LIMITS.max_seconds + 1
    faults = [what for what, wrong in checks.items() if wrong]
    faults += [fault for note in clip.notes for fault in _no_sentence(note)]
    return ("in part" if clip.notes else "answer"), faults


def _no_sentence(message: str) -> list[str]:
    """What is wrong with a sentence for a person."""
    odd = "\n" in message or len(message) > 250 or any(w in message for w in ("Traceback", "Errno", "<class"))
    return [f"no sentence: {message!r}"] if odd else []


def _soon(true: Callable[[], bool]) -> bool:
    end = time.monotonic() + SETTLE
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def _descriptors(process: int | str) -> int | None:
    """How many descriptors a process has; None where the system does not tell."""
    folder = Path(f"/proc/{process}/fd")
    return len(os.listdir(folder)) if folder.is_dir() else None


def _children(process: int) -> list[str]:
    """Process ids of the children of a process; none where the system does not tell."""
    told = Path(f"/proc/{process}/task/{process}/children")
    return told.read_text().split() if told.exists() else []
