"""A film of a recording with boxes and captions drawn on its pictures, made in a process with limits."""

from __future__ import annotations

import json
import logging
import math
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from mmer_core.clock import clock
from mmer_core.config import Limits
from mmer_core.media import decoding
from mmer_core.media.colours import ink_on, rgb
from mmer_core.media.decoder import DISK_FULL
from mmer_core.media.file_checks import MediaError, NoRoom, check_file, display_name, opened

COMMAND = (sys.executable, "-m", "mmer_core.media.decoder.film")
SIDE = 1920  # pixels of the longer side, at most
MOST_BYTES = 2_000_000  # of a second
WORK = 12  # seconds of work that a second of the film may take
AT_LEAST = 120  # seconds of work for the shortest
LOST = 0.25  # seconds; less damage is not worth a note
SHORT = 1.0  # seconds by which a film may end early without a note
Row = tuple[float, float, str]  # start and end, seconds of the recording, and text
log = logging.getLogger(__name__)


class Stopped(Exception):
    """The film was not finished because somebody stopped it."""


@dataclass(frozen=True)
class Shown:
    """Somebody in a film.

    Attributes:
        name: on the label.
        colour: "#RRGGBB" of the box and the label.
        sights: (times, boxes) of each stretch in view, as in `mmer_core.recordings.people.Sight`.
        says: what the face says over time, in order.
    """

    name: str
    colour: str
    sights: tuple[tuple[tuple[float, ...], tuple[tuple[float, float, float, float], ...]], ...]
    says: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Script:
    """What is to be drawn.

    Attributes:
        start, end: seconds of the recording.
        people: who is shown.
        captions: what is said, in order of time.
        side: longer side of the pictures at most, pixels.
        format: of the file.
    """

    start: float
    end: float
    people: tuple[Shown, ...]
    captions: tuple[Row, ...]
    side: int = SIDE
    format: Literal["mp4", "matroska"] = "mp4"

    def to_json(self) -> dict[str, Any]:
        """As the process takes it."""
        people = [
            {
                "name": person.name,
                "colour": rgb(person.colour),
                "ink": rgb(ink_on(person.colour)),
                "sights": [{"times": times, "boxes": boxes} for times, boxes in person.sights if times],
                "says": person.says,
            }
            for person in self.people
        ]
        return {**asdict(replace(self, people=())), "people": people}


def make_film(
    source: Path,
    out: Path,
    script: Script,
    limits: Limits,
    *,
    name: str | None = None,
    progress: Callable[[float], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[str, ...]:
    """Write the film.

    Args:
        source: the recording, untrusted.
        out: the file to write.
        script: what is drawn, and from when to when.
        limits: bounds on one clip; time and size grow with the film's length.
        name: to call the source; its own by default.
        progress: called with the seconds of the film that are done.
        stop: asked twice a second; true ends it.

    Returns:
        Notes about what is missing in it.

    Raises:
        MediaError: no film can be made of the source; one sentence says why and what to do.
        Stopped: `stop` said so.
        OSError: the file cannot be written.
    """
    shown = display_name(source.name if name is None else name)
    check_file(source, shown, limits)
    length = script.end - script.start
    seconds = AT_LEAST + WORK * length
    size = round((length + 60) * MOST_BYTES)
    own = replace(limits, cpu_seconds=4 * math.ceil(seconds), wall_seconds=seconds, frame_bytes=size)
    stopped = False

    def asked() -> bool:
        nonlocal stopped
        if progress is not None and (found := _events(report).get("until")):
            progress(_seconds(found.get("seconds"), length))
        stopped = stop()
        return stopped

    try:
        with tempfile.TemporaryDirectory(prefix="mmer-") as folder, opened(source, shown) as file:
            told, report = Path(folder) / "script", Path(folder) / "report"
            told.write_text(json.dumps(script.to_json()), encoding="utf-8")
            command = [*COMMAND, json.dumps(own.to_json()), str(told), str(out.absolute()), str(report)]
            status = decoding.run_limited(command, file, Path(folder), own, stop=asked)
            events = _events(report)
    except OSError as error:
        raise NoRoom(
            f"the temporary folder cannot be used ({error.strerror}): free some space there or set TMPDIR"
        ) from error
    if stopped:
        raise Stopped(f"the film of {shown} was stopped")
    if status == DISK_FULL:
        raise OSError(f"{out} cannot be written because the disk is full: free some space there")
    return _notes(events, status, shown, script)


def _events(report: Path) -> dict[str, dict[str, Any]]:
    """The last event of each name; the process has read a hostile file, so anything may stand there."""
    found: dict[str, dict[str, Any]] = {}
    lines = report.read_text(encoding="utf-8", errors="replace").splitlines() if report.exists() else []
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:  # the end of the file, half written
            continue
        if isinstance(event, dict):
            found[str(event.get("event"))] = event
    return found


def _seconds(value: object, most: float) -> float:
    return min(max(float(value), 0.0), most) if isinstance(value, (int, float)) else 0.0


def _notes(
    events: dict[str, dict[str, Any]], status: int | None, shown: str, script: Script
) -> tuple[str, ...]:
    """What is missing in the film.

    Raises:
        MediaError: there is none.
    """
    if "refused" in events:
        raise MediaError(_refusal(events["refused"], shown))
    until = _seconds(events.get("until", {}).get("seconds"), script.end - script.start)
    found = events.get("done")
    if found is None and until < SHORT:
        why = "its time ran out" if status is None else "it is damaged"
        raise MediaError(f"no film can be made of {shown} because {why}: record, copy or export it again")
    if found is None:
        return (f"the film ends after {clock(until)}, where {shown} could not be decoded any further",)
    notes = []
    ends = _seconds(found.get("until"), script.end)
    if script.end - ends > SHORT:
        why = "the time for it was up" if found.get("slow") is True else "there are no pictures after that"
        notes.append(f"the film's pictures end at {clock(ends)} because {why}")
    if _seconds(found.get("lost"), script.end) > LOST:
        notes.append(f"{_seconds(found.get('lost'), script.end):.1f} s of {shown} are damaged and left out")
    if found.get("sound") is not True:
        notes.append("the film has no sound")
    if missing := round(_seconds(found.get("missing"), 1e6)):
        letters = "1 letter is" if missing == 1 else f"{missing} letters are"
        notes.append(f"{letters} drawn as empty boxes: install a font that has them, such as Noto Sans")
    return tuple(notes)


def _refusal(found: dict[str, Any], shown: str) -> str:
    detail = str(found.get("detail"))[:40]
    why, then = {
        "none": ("it has no pictures", "choose captions (.srt) or a table instead"),
        "format": ("it is no video", "choose a video"),
        "pixels": (f"its pictures of {detail} pixels are too large", "make it smaller"),
        "codec": ("its pictures are in a coding that cannot be read", "export it as mp4"),
    }.get(str(found.get("reason")), ("its pictures are damaged", "record, copy or export it again"))
    return f"no film can be made of {shown} because {why}: {then}"
