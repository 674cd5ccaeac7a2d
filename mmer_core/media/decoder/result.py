"""Output of the decoding process, checked before it is believed: the process has read a hostile file,
which may have taken it over.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from mmer_core.clip import SAMPLE_RATE, Kind
from mmer_core.config import Limits
from mmer_core.labels import Modality
from mmer_core.media.decoder.budget import most_bytes
from mmer_core.media.decoder.reasons import ABSENT_PICTURE, ABSENT_SOUND
from mmer_core.media.decoder.sandbox import available

LOST = 0.25  # seconds; less damage is not worth a note
TAIL = 0.5  # seconds; damage that nothing longer follows is the end of the file
MOST_EVENTS = 10_000
MOST_TRACKS = 10_000
ORDINALS = ("the first", "the second", "the third", "the fourth", "the fifth")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Decoded:
    """The content of one file; the first fields are those of `Clip`.

    Attributes:
        refused: why the file as a whole was not decoded ("format", "pixels", "bytes", "damaged"), or None.
        detail: what belongs to that reason, such as a size.
        crashed: the process ended before it was done, or its report does not hold together.
        slow: its time ran out.
        longer: there is more than `Limits.max_seconds`.
        promised: seconds that the header announces for the whole file, told of pieces and of files that are
            longer; else 0.
        track: the sound track that was used, from 1; 0 where there is one, or none.
    """

    kind: Kind = "video"
    duration: float = 0.0
    frames: np.ndarray | None = None
    times: np.ndarray | None = None
    waveform: np.ndarray | None = None
    absent: dict[Modality, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    refused: str | None = None
    detail: str = ""
    crashed: bool = False
    slow: bool = False
    longer: bool = False
    promised: float = 0.0
    track: int = 0


class _Nonsense(Exception):
    """The report says what an honest process cannot say."""


class _Events:
    """The report's events by name; the last of a name holds."""

    def __init__(self, path: Path) -> None:
        self.times: list[float] = []
        self._facts: dict[str, dict[str, Any]] = {}
        self._absent: dict[str, dict[str, Any]] = {}
        lines = path.read_text(encoding="utf-8").splitlines()[:MOST_EVENTS] if path.exists() else []
        for line in lines:
            event = json.loads(line)
            name = event["event"]
            if name == "frame":
                self.times.append(_number(event["time"], 0.0, math.inf))
            elif name == "absent":
                self._absent[event["part"]] = event
            else:
                self._facts[name] = event

    def __contains__(self, name: str) -> bool:
        return name in self._facts

    def number(self, event: str, key: str, low: float, high: float, default: float = 0.0) -> float:
        """A checked number; the default if there is no such event or it says null."""
        value = self._facts.get(event, {}).get(key)
        return default if value is None else _number(value, low, high)

    def text(self, event: str, key: str) -> str:
        """A short printable string, "" if there is none."""
        return _printable(self._facts.get(event, {}).get(key, ""))

    def reason(self, part: str, sentences: dict[str, str], limits: Limits) -> str | None:
        """Why a part is absent, in words; None if it is not said to be."""
        event = self._absent.get(part)
        if event is None:
            return None
        sentence = sentences[event["reason"]]
        return sentence.format(
            detail=_printable(event["detail"]), seconds=limits.max_seconds, millions=limits.max_pixels / 1e6
        )


def read_result(frames: Path, sound: Path, report: Path, *, limits: Limits, status: int | None) -> Decoded:
    """Read what the process wrote, in full or up to where it ended.

    Args:
        frames, sound, report: its outputs.
        limits: those it was given; anything beyond them is not believed.
        status: its exit status; None if its time ran out.
    """
    try:
        events = _Events(report)
        kind = events.text("kind", "kind")
        if kind not in ("", "video", "audio", "picture"):
            raise _Nonsense(f"kind {kind!r}")
        pictures, times = _pictures(frames, kind, events, limits)
        waveform = _waveform(sound, events, limits)
        crashed, slow = "done" not in events, "slow" in events or status is None
        sound_seconds = 0.0 if waveform is None else len(waveform) / SAMPLE_RATE
        picture_seconds = (
            0.0
            if times is None
            else max(events.number("pictures", "until", 0.0, limits.max_seconds), float(times[-1]))
        )
        duration = max(sound_seconds, picture_seconds)
        reached = sound_seconds if "shape" not in events else picture_seconds if crashed else duration
        return Decoded(
            kind=cast(Kind, kind or "video"),
            duration=0.0 if kind == "picture" else duration,
            frames=pictures,
            times=times,
            waveform=waveform,
            absent=_absent(kind, waveform, pictures, events, limits),
            notes=_notes(events, limits, reached=reached, crashed=crashed, slow=slow),
            refused=events.text("refused", "reason") or None,
            detail=events.text("refused", "detail"),
            crashed=crashed,
            slow=slow,
            longer="longer" in events,
            promised=events.number("length", "promised", 0.0, math.inf),
            track=int(events.number("tracks", "used", 1, MOST_TRACKS)),
        )
    except (_Nonsense, KeyError, TypeError, AttributeError, ValueError) as error:
        log.warning("the decoding process wrote a report that does not hold together: %s", error)
        return Decoded(crashed=True)


def _absent(
    kind: str, waveform: np.ndarray | None, pictures: np.ndarray | None, events: _Events, limits: Limits
) -> dict[Modality, str]:
    """{modality: why it cannot be had}."""
    absent = {}
    if waveform is None:
        absent[Modality.AUDIO] = (
            "a picture has no sound"
            if kind == "picture"
            else events.reason("audio", ABSENT_SOUND, limits) or "the sound is damaged"
        )
    if pictures is None:
        absent[Modality.VISUAL] = (
            "this is a sound file"
            if kind == "audio"
            else events.reason("visual", ABSENT_PICTURE, limits) or "the picture is damaged"
        )
    return absent


def _pictures(
    path: Path, kind: str, events: _Events, limits: Limits
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(T, H, W, 3) uint8 and (T,) float64, as many as were written whole; or None and None."""
    if "shape" not in events or not events.times:
        return None, None
    side = limits.picture_side if kind == "picture" else limits.frame_side
    height, width = (int(events.number("shape", key, 1, side)) for key in ("height", "width"))
    times = np.array(events.times, np.float64)
    if len(times) > limits.max_frames or times[-1] > limits.max_seconds or (np.diff(times) <= 0).any():
        raise _Nonsense(f"frame times {times}")
    size = height * width * 3
    whole = min(len(times), path.stat().st_size // size, most_bytes(limits) // size)
    if whole == 0:
        return None, None
    return _content(path, whole * size).reshape(whole, height, width, 3), times[:whole]


def _content(path: Path, size: int) -> np.ndarray:
    """(size,) uint8: the first bytes of a file, in memory only once they are looked at, where the process
    that wrote it can have left nobody behind who would shorten it meanwhile. It may be removed at once.
    """
    if "seccomp" in available():
        return np.asarray(np.memmap(path, np.uint8, "c", shape=(size,)))
    return np.fromfile(path, np.uint8, size)


def _waveform(path: Path, events: _Events, limits: Limits) -> np.ndarray | None:
    """(N,) float32 from the start of the clip on; None if there is no sound."""
    most = int(limits.max_seconds * SAMPLE_RATE)
    if not path.exists() or path.stat().st_size < 4:
        return None
    samples = np.fromfile(path, np.float32, min(most, path.stat().st_size // 4))
    if not np.isfinite(samples).all() or np.abs(samples).max() > 1.0:
        raise _Nonsense("samples outside -1 to 1")
    before = round(events.number("sound", "offset", 0.0, math.inf) * SAMPLE_RATE)
    if before >= most:
        return None
    return np.concatenate([np.zeros(before, np.float32), samples])[:most] if before else samples


def _notes(events: _Events, limits: Limits, *, reached: float, crashed: bool, slow: bool) -> tuple[str, ...]:
    """Sentences for a person about what could not be read."""
    notes = []
    if "longer" in events:
        notes.append(f"only the first {limits.max_seconds:g} s of this clip were used")
    if slow:
        notes.append(
            "decoding took too long: only the first "
            f"{events.number('slow', 'time', 0.0, limits.max_seconds, reached):.1f} s were used"
        )
    elif crashed:
        notes.append(f"the file is damaged after {reached:.1f} s; what comes before was used")
    elif "short" in events:
        notes.append(
            f"the file ends after {reached:.1f} of "
            f"{events.number('short', 'promised', 0.0, math.inf):.1f} s; what is there was used"
        )
    for event, what in (("sound", "sound"), ("pictures", "picture")):
        first = events.number(event, "damage", 0.0, math.inf, math.inf)
        lost = events.number(event, "lost", 0.0, math.inf)
        if lost < LOST or math.isinf(first):
            continue
        at_the_end = events.number(event, "until", 0.0, limits.max_seconds) <= first + TAIL
        if at_the_end and "short" not in events:
            notes.append(f"the {what} is damaged after {first:.1f} s; what comes before was used")
        elif not at_the_end:
            notes.append(
                f"parts of the {what} are damaged, the first at {first:.1f} s; what could be read was used"
            )
    if "cut" in events:
        notes.append("the picture is cut off or damaged; what is there was used")
    tracks = int(events.number("tracks", "count", 0, MOST_TRACKS))
    if tracks > 1:
        used = int(events.number("tracks", "used", 1, tracks))
        notes.append(f"the file has {tracks} sound tracks; {ordinal(used)} was used")
    if events.text("sound", "silenced") == "True":
        notes.append("the sound holds invalid samples; they were replaced by silence")
    return tuple(notes)


def _number(value: object, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise _Nonsense(f"{value!r} is not a number from {low} to {high}")
    return float(value)


def ordinal(number: int) -> str:
    """ "the first", "the second", ... and "number 6" from there on."""
    return ORDINALS[number - 1] if number <= len(ORDINALS) else f"number {number}"


def _printable(value: object) -> str:
    return "".join(c for c in str(value)[:40] if c.isprintable())
