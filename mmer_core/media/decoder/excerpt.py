"""A stretch of a recording as a small file that browsers play, its packets copied as they are. Started by
`media.excerpt` as a process of its own, like the decoding process, for it reads an untrusted file, too.

    python -m mmer_core.media.decoder.excerpt LIMITS OUT REPORT START END MOST < FILE

OUT gets the file, at most about MOST bytes of it. REPORT gets one JSON object: `start` and `end`, seconds of
the recording at which the excerpt begins and ends, and `kind`, "mp4", "webm" or "wav"; or `refused`, why
there is none.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import av

from mmer_core.config import Limits
from mmer_core.media.decoder.confinement import get_ready, restrict
from mmer_core.media.decoder.kinds import Refused, picture_kind
from mmer_core.media.decoder.piece import first_time, packets_from
from mmer_core.media.decoder.source import open_source
from mmer_core.media.decoder.stream import packet_seconds, packet_time, proper_streams

#: {container: codecs that browsers play in it}
PLAYED = {
    "mp4": {"h264", "aac", "mp3", "flac"},
    "webm": {"vp8", "vp9", "av1", "opus", "vorbis"},
    "wav": {"pcm_s16le", "pcm_u8"},
}
BEYOND = 2.0  # seconds after the end in one stream before the other is given up


def container_for(streams: Sequence[Any]) -> str:
    """The container in which browsers play these streams.

    Raises:
        Refused: there is none.
    """
    codecs = {stream.codec_context.name for stream in streams}
    alone = len(streams) == 1 and streams[0].type == "audio"
    for kind, played in PLAYED.items():
        if codecs and codecs <= played and (kind != "wav" or alone):
            return kind
    raise Refused("codec", " and ".join(sorted(codecs)))


def copy(
    file: BinaryIO, out: BinaryIO, limits: Limits, span: tuple[float, float], most: int
) -> dict[str, Any]:
    """Copy the packets from one time to another, seconds from the first picture or sample, and say where the
    copy begins and ends. In an mp4 it begins where it should; elsewhere at the picture from which it can be
    decoded.

    Raises:
        Refused: no browser plays what is in the file, or nothing is there.
    """
    first = first_time(file, limits)
    begin, end = (first + time for time in span)
    with open_source(file, limits) as source:
        streams = [
            *proper_streams(source.streams.video)[0][:1],
            *proper_streams(source.streams.audio)[0][:1],
        ]
        kind = container_for(streams)
        with av.open(out, "w", format=kind) as target:
            copies = {s.index: target.add_stream_from_template(s) for s in streams}
            zero: float | None = begin if kind == "mp4" else None
            over: set[int] = set()
            last = begin
            for packet in packets_from(source, tuple(streams), begin):
                at = packet_time(packet)
                if at is None or (packet.stream.type == "audio" and at + packet_seconds(packet) <= begin):
                    continue
                if at >= end or out.tell() > most:
                    over.add(packet.stream_index)
                    if len(over) == len(streams) or at > end + BEYOND or out.tell() > most:
                        break
                    continue
                if zero is None:
                    zero = min(at, begin)
                last = max(last, at + packet_seconds(packet))
                _mux(target, packet, copies[packet.stream_index], zero)
    if last <= begin:
        raise Refused("empty", "")
    return {"kind": kind, "start": (begin if zero is None else zero) - first, "end": min(last, end) - first}


def _mux(target: Any, packet: Any, stream: Any, zero: float) -> None:
    """Write a packet, its times counted from `zero`, seconds."""
    shift = round(zero / packet.time_base)
    for name in ("pts", "dts"):
        if getattr(packet, name) is not None:
            setattr(packet, name, getattr(packet, name) - shift)
    packet.stream = stream
    target.mux(packet)


def main(arguments: Sequence[str]) -> int:
    """Returns the exit status, 0."""
    limits = Limits.from_json(json.loads(arguments[0]))
    span, most = (float(arguments[3]), float(arguments[4])), int(arguments[5])
    with Path(arguments[1]).open("wb") as out, Path(arguments[2]).open("w") as report:
        get_ready("")
        source = sys.stdin.buffer
        restrict(limits)
        try:
            if picture_kind(source.read(16)):
                raise Refused("format", "")
            found = copy(source, out, limits, span, most)
        except Refused as refusal:
            found = {"refused": " ".join(filter(None, map(str, refusal.args)))}
        report.write(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
