"""The process itself: give up every right that decoding does not need, then decode."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from mmer_core.config import Limits
from mmer_core.media.decoder.confinement import Report, full_disk, get_ready, restrict
from mmer_core.media.decoder.kinds import Refused, picture_kind


def decode(
    file: BinaryIO,
    frames: BinaryIO,
    samples: BinaryIO,
    report: Report,
    *,
    limits: Limits,
    start: float | None = None,
    track: int = 0,
) -> None:
    """Decode whatever `file` is, or the piece from `start` on, seconds, and report on it."""
    try:
        if picture_kind(head_of(file)):
            from mmer_core.media.decoder.stills import decode_picture

            decode_picture(file, frames, report.say, limits)
        else:
            from mmer_core.media.decoder.piece import Piece, first_time
            from mmer_core.media.decoder.recording import Recording
            from mmer_core.media.decoder.riff import as_riff
            from mmer_core.media.decoder.source import open_source

            file = as_riff(file, replace(limits, max_seconds=limits.max_seconds + (start or 0.0)))
            begin = None if start is None else start + first_time(file, limits)
            with open_source(file, limits) as container:
                recording = (
                    Recording(file, container, limits, report.say)
                    if begin is None
                    else Piece(file, container, limits, report.say, begin=begin, track=track)
                )
                recording.decode(frames, samples)
    except Refused as refusal:
        report.say("refused", reason=refusal.args[0], detail=refusal.args[1])
    report.say("done")


def head_of(file: BinaryIO) -> bytes:
    """The first bytes."""
    file.seek(0)
    return file.read(16)


def main(arguments: list[str]) -> int:
    """Returns the exit status: 0, or `DISK_FULL` when an output cannot be written."""
    limits = Limits.from_json(json.loads(arguments[0]))
    try:
        with (
            Path(arguments[1]).open("wb") as frames,
            Path(arguments[2]).open("wb") as samples,
            Path(arguments[3]).open("w") as report,
        ):
            get_ready(picture_kind(head_of(sys.stdin.buffer)))
            restrict(limits)
            start = float(arguments[4]) if len(arguments) > 4 else None
            track = int(arguments[5]) if len(arguments) > 5 else 0
            report_to = Report(report)
            decode(sys.stdin.buffer, frames, samples, report_to, limits=limits, start=start, track=track)
    except OSError as error:
        return full_disk(error)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
