"""A recording with boxes, labels and captions drawn on its pictures, as a new file. Started by `media.film`
as a process of its own, like the decoding process, for it reads an untrusted file, too.

    python -m mmer_core.media.decoder.film LIMITS SCRIPT OUT REPORT < FILE

SCRIPT is a JSON object: `start` and `end`, seconds of the recording; `side`, pixels of the longer side at
most; `format`, "mp4" or "matroska"; `people`, a list of `name`, `colour`, `ink`, `sights` (`times`, `boxes`)
and `says` (rows of start, end, text); and `captions` (rows of start, end, text). OUT gets the film, frame by
frame. REPORT gets one JSON object a line, told apart by "event":

    until     seconds: how far it is
    refused   reason: "format", "none", "codec", "pixels" or "damaged"; detail
    done      until: seconds of the recording up to which there are pictures; lost: seconds of pictures or
        sound that cannot be decoded; sound: there is some; missing: letters that no font has; slow: the time
        was up
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av

from mmer_core.config import Limits
from mmer_core.media.decoder.annotated import Annotated
from mmer_core.media.decoder.budget import Budget
from mmer_core.media.decoder.confinement import Report, full_disk, get_ready, restrict
from mmer_core.media.decoder.kinds import Refused, picture_kind
from mmer_core.media.decoder.lettering import Fonts
from mmer_core.media.decoder.pictures import pixel_aspect, upright_size
from mmer_core.media.decoder.piece import PREROLL, first_time, packets_from
from mmer_core.media.decoder.recording import THREADS
from mmer_core.media.decoder.soundtrack import Soundtrack
from mmer_core.media.decoder.source import open_source
from mmer_core.media.decoder.stream import (
    UNTIMED,
    Damage,
    frame_seconds,
    frame_time,
    frames_held_back,
    frames_of,
    packet_seconds,
    packet_time,
    proper_streams,
)

CLOSEST = 1 / 65  # seconds between two pictures: more than 60 a second are not kept
LEAST_SIDE = 640  # pixels; smaller pictures are enlarged, or no label could be read on them
BEYOND = 2.0  # seconds after the end in one stream before the other is given up
TOLD_EVERY = 0.5  # seconds


class Film:
    """Makes one film.

    Args:
        file: the source.
        limits: bounds on the cost.
        report: of how far it is.
        script: see above.
        fonts: for its texts.
    """

    def __init__(self, file: BinaryIO, limits: Limits, report: Report, script: Any, fonts: Fonts) -> None:
        self._file, self._limits, self._report, self._script = file, limits, report, script
        self._fonts, self._budget = fonts, Budget(limits)
        self._first = first_time(file, limits)
        self._begin, self._end = self._first + script["start"], self._first + script["end"]
        self._damage = Damage()
        self._until, self._told, self._slow = script["start"], time.monotonic(), False
        self._shown, self._parent = float("-inf"), os.getppid()

    def write(self, out: BinaryIO) -> dict[str, Any]:
        """Write the film and say what is in it.

        Raises:
            Refused: the source has no pictures that can be drawn on.
        """
        shape, rate = self._shape()
        # Should the process end on the way, what was written can still be played.
        options = {"movflags": "hybrid_fragmented"} if self._script["format"] == "mp4" else {}
        with (
            open_source(self._file, self._limits) as source,
            av.open(out, "w", format=self._script["format"], options=options) as target,
        ):
            video = self._video(source)
            tracks = [t for t in proper_streams(source.streams.audio)[0] if t.codec_context.sample_rate > 0][
                :1
            ]
            pictures = Annotated(target, shape, rate, self._fonts, self._script)
            length = self._script["end"] - self._script["start"]
            sound = (
                Soundtrack(target, tracks[0].codec_context.channels, begin=self._begin, length=length)
                if tracks
                else None
            )
            self._copy(source, [video, *tracks], pictures, sound)
        return {
            "until": self._until,
            "lost": self._damage.lost,
            "sound": sound is not None and sound.written > 0,
            "missing": self._fonts.missing,
            "slow": self._slow,
        }

    def _video(self, source: Any) -> Any:
        """The stream of pictures, ready to be decoded."""
        streams, visible = proper_streams(source.streams.video)
        if not streams:
            raise Refused("codec" if visible else "none", "")
        context, most = streams[0].codec_context, self._limits.max_pixels
        if context.width * context.height > most:
            raise Refused("pixels", f"{context.width} x {context.height}")
        context.options = {"max_pixels": str(most)}
        context.thread_type, context.thread_count = "AUTO", THREADS
        return streams[0]

    def _shape(self) -> tuple[tuple[int, int], Fraction]:
        """Height and width of the film, even, and pictures a second; of the first that can be decoded."""
        with open_source(self._file, self._limits) as source:
            video = self._video(source)
            rate = video.average_rate or Fraction(25)
            for packet in packets_from(source, (video,), self._begin):
                for frame in frames_of(packet, Damage()):
                    width, height = upright_size(frame, pixel_aspect(video.sample_aspect_ratio))
                    longer = max(width, height)
                    scale = min(max(longer, LEAST_SIDE), self._script["side"]) / longer
                    shape = tuple(max(2 * round(side * scale / 2), 2) for side in (height, width))
                    return (shape[0], shape[1]), Fraction(min(max(rate, 1), 60)).limit_denominator(1001)
                if self._budget.spent():
                    break
        raise Refused("damaged", "")

    def _copy(self, source: Any, streams: list[Any], pictures: Annotated, sound: Soundtrack | None) -> None:
        over: set[int] = set()
        aspect = pixel_aspect(streams[0].sample_aspect_ratio)
        for packet in packets_from(source, tuple(streams), self._begin - PREROLL):
            at = packet_time(packet)
            self._tell()
            if self._budget.spent():
                self._slow = True
                break
            if at is not None and at >= self._end:
                over.add(packet.stream_index)
                if len(over) == len(streams) or at > self._end + BEYOND:
                    break
                if packet.stream.type == "audio":
                    continue
            if packet.stream is streams[0]:
                self._pictures(frames_of(packet, self._damage), pictures, aspect)
            elif sound is not None and (at is None or at + packet_seconds(packet) > self._begin):
                self._sound(frames_of(packet, self._damage), sound)
        self._pictures(frames_held_back(streams[0]), pictures, aspect)
        pictures.finish()
        if sound is not None:
            self._sound(frames_held_back(streams[1]), sound)
            sound.add(sound.samples(None), None)
            sound.finish()

    def _pictures(self, frames: Iterable[Any], pictures: Annotated, aspect: float) -> None:
        for frame in frames:
            clock = frame_time(frame)
            at = self._until if clock is None else clock - self._first
            lasts = max(frame_seconds(frame), UNTIMED if clock is None else 0.0)
            if at < max(self._script["start"] - 1e-3, self._shown + CLOSEST) or at >= self._script["end"]:
                continue
            try:
                picture = None if frame.is_corrupt else pictures.fitted(frame, aspect)
            except (av.FFmpegError, ValueError):
                picture = None
            if picture is None:
                self._damage.add(at, lasts)
                continue
            pictures.add(picture, at, max(at - self._script["start"], 0.0))
            self._shown = at
            self._until = max(self._until, at + lasts)

    def _sound(self, frames: Iterable[Any], sound: Soundtrack) -> None:
        for frame in frames:
            due = sound.place(frame)
            try:
                samples = sound.samples(frame)
            except (av.FFmpegError, ValueError):
                self._damage.add(frame_time(frame) or 0.0, frame_seconds(frame))
                continue
            sound.add(samples, due)

    def _tell(self) -> None:
        if time.monotonic() - self._told > TOLD_EVERY:
            if os.getppid() != self._parent:
                raise SystemExit("nobody waits for this film any more")
            self._report.say("until", seconds=self._until - self._script["start"])
            self._told = time.monotonic()


def texts_of(script: Any) -> list[str]:
    """All that will be drawn."""
    said = [row[2] for person in script["people"] for row in person["says"]]
    return [*(person["name"] for person in script["people"]), *said, *(row[2] for row in script["captions"])]


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status: 0, or `DISK_FULL` when the film cannot be written."""
    limits = Limits.from_json(json.loads(arguments[0]))
    script = json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
    try:
        with Path(arguments[2]).open("w+b") as out, Path(arguments[3]).open("w") as lines:
            get_ready("")
            fonts, report = Fonts(texts_of(script)), Report(lines)
            source = sys.stdin.buffer
            restrict(limits)
            try:
                if picture_kind(source.read(16)):
                    raise Refused("format", "")
                report.say("done", **Film(source, limits, report, script, fonts).write(out))
            except Refused as refusal:
                report.say("refused", reason=refusal.args[0], detail=refusal.args[1])
    except OSError as error:
        return full_disk(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
