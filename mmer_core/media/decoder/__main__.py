"""The process itself: give up every right that decoding does not need, then decode."""

from __future__ import annotations

import contextlib
import errno
import json
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from typing import IO, Any, BinaryIO

import av
from av.container import InputContainer

from mmer_core.clip import SAMPLE_RATE
from mmer_core.config import Limits
from mmer_core.media.decoder import DISK_FULL
from mmer_core.media.decoder.pictures import Pictures
from mmer_core.media.decoder.recording import Recording, feed
from mmer_core.media.decoder.source import PICTURE_FORMATS, Refused, open_source, picture_size
from mmer_core.media.decoder.stream import Damage, frames_held_back, frames_of, main_stream, packets_of

try:
    import resource
except ImportError:  # not a POSIX system: there the parent's clock is the only limit
    resource = None  # type: ignore[assignment]


class Report:
    """Writes one event a line, each at once."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def say(self, event: str, **facts: Any) -> None:
        """Write one event."""
        self._file.write(json.dumps({"event": event, **facts}) + "\n")
        self._file.flush()


def restrict(limits: Limits) -> None:
    """Take the limits on. From here on this process can open nothing more: no file, no socket."""
    for module in pkgutil.walk_packages(
        av.__path__, "av."
    ):  # PyAV imports some of its parts on first use: too late then
        if not module.name.endswith(("__main__", "datasets")):
            import_module(module.name)
    if resource is None:
        return
    written = limits.max_frames * limits.frame_side**2 * 3 + int(limits.max_seconds * SAMPLE_RATE) * 4 + 2**20
    for what, most in (
        (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):  # already lower, or unknown to this system
            resource.setrlimit(what, (most, most))


def decode_picture(
    file: BinaryIO, container: InputContainer, frames: BinaryIO, report: Report, *, limits: Limits
) -> None:
    """The first frame of a photograph or an animation.

    Raises:
        Refused: it is too large, or cannot be decoded.
    """
    report.say("kind", kind="picture")
    stream, _ = main_stream(container.streams.video)
    if stream is not None:
        stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}
        pictures, damage = Pictures(frames, report.say, limits, origin=0.0, step=1.0, aspect=None), Damage()
        for packet in packets_of(container, stream):
            feed(pictures, frames_of(packet, damage)[:1], damage)
            if pictures.written:
                return
        feed(pictures, frames_held_back(stream)[:1], damage)
        if pictures.written:
            return
    width, height = picture_size(file, limits)
    if width * height > limits.max_pixels:
        raise Refused("pixels", f"{width} x {height}")
    raise Refused("damaged", "")


def decode(file: BinaryIO, frames: BinaryIO, samples: BinaryIO, report: Report, *, limits: Limits) -> None:
    """Decode whatever `file` is and report on it."""
    try:
        with open_source(file, limits) as container:
            if container.format.name in PICTURE_FORMATS:
                decode_picture(file, container, frames, report, limits=limits)
            else:
                Recording(file, container, limits, report.say).decode(frames, samples)
    except Refused as refusal:
        report.say("refused", reason=refusal.args[0], detail=refusal.args[1])
    report.say("done")


def main(arguments: list[str]) -> int:
    """Returns the exit status: 0, or `DISK_FULL` when an output cannot be written."""
    limits = Limits.from_json(json.loads(arguments[0]))
    try:
        with (
            Path(arguments[1]).open("wb") as frames,
            Path(arguments[2]).open("wb") as samples,
            Path(arguments[3]).open("w") as report,
        ):
            restrict(limits)
            decode(sys.stdin.buffer, frames, samples, Report(report), limits=limits)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        print(error, file=sys.stderr)
        return DISK_FULL
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
