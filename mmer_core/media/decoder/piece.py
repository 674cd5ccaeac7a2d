"""A piece of a long recording: found by seeking, decoded like a whole file.

Where a piece starts is counted from the first packet of the file, not from what its header says. A file that
cannot be sought in is read from its start, and what comes before the piece is passed over.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, BinaryIO

import av
from av.container import InputContainer

from mmer_core.config import Limits
from mmer_core.media.decoder.recording import BEYOND, PRIMING, Recording
from mmer_core.media.decoder.source import open_source
from mmer_core.media.decoder.stream import (
    Damage,
    frame_time,
    frames_of,
    packet_time,
    packets_of,
    proper_streams,
)
from mmer_core.media.decoder.survey import Survey, earliest

PREROLL = 0.5  # seconds before a piece that are decoded with it, so that its first samples are right
FIRST_PACKETS = 500  # among which each stream's first is looked for
BACK = (0.0, 10.0, 60.0)  # seconds to seek further back by, where a file leads to a place that is too late


def first_time(file: BinaryIO, limits: Limits) -> float:
    """Where the file starts on the clock of its streams, seconds, as its first packets say, and of sound its
    first samples: what an encoder puts before them is left out.
    """
    with open_source(file, limits) as container:
        streams = _proper(container)
        first: dict[int, float] = {}
        for packet in islice(packets_of(container, *streams), FIRST_PACKETS) if streams else ():
            at = packet_time(packet)
            if at is None or packet.is_discard:
                continue
            if first and at > min(first.values()) + BEYOND:
                break
            if packet.stream_index not in first:
                start = _first_sample(packet, at) if packet.stream.type == "audio" else at
                first |= {} if start is None else {packet.stream_index: start}
            if len(first) == len(streams):
                break
        return max(min(first.values(), default=0.0), earliest(container))


def _first_sample(packet: Any, at: float) -> float | None:
    """When the first sample of a packet is heard, seconds; None if it has none."""
    times = [frame_time(frame) for frame in frames_of(packet, Damage())]
    if not times:
        return None
    return times[0] if times[0] is not None and 0 < times[0] - at < PRIMING else at


def _proper(container: InputContainer) -> list[Any]:
    """The streams that are decoded: one of pictures, and those of sound."""
    return [
        *proper_streams(container.streams.video)[0][:1],
        *proper_streams(container.streams.audio)[0],
    ]


class Piece(Recording):
    """Decodes a file from `begin` on, seconds on the clock of its streams, for `Limits.max_seconds`.

    Args:
        track: number of the sound track to use, from 1, so that all pieces have the same; 0: the first in
            which something is heard.
    """

    def __init__(
        self,
        file: BinaryIO,
        container: InputContainer,
        limits: Limits,
        say: Callable[..., None],
        *,
        begin: float,
        track: int = 0,
    ) -> None:
        self._begin, self._track = begin, track
        super().__init__(file, container, limits, say)
        self._longest = limits.max_seconds + PREROLL

    def _new_survey(self) -> Survey:
        return Survey(begin=self._begin)

    def _streams(self) -> tuple[Any, list[Any]]:
        video, tracks = super()._streams()
        in_order = sorted(tracks, key=lambda track: track.index)
        return video, in_order[self._track - 1 : self._track] or tracks if self._track else tracks

    def _packets(self, container: InputContainer, *streams: Any) -> Iterable[Any]:
        """Of pictures everything from a key frame on, of sound what is near; the first pass, which only
        counts pictures, leaves out those before the piece, too.
        """
        pictures_alone = len(streams) == 1 and streams[0].type == "video" and self._survey.video.packets
        for packet in packets_from(container, streams, self._begin - PREROLL):
            at = packet_time(packet)
            if pictures_alone or at is None or at + PREROLL >= self._begin:
                yield packet

    def _report_end(self, until: float) -> None:
        survey = self._survey
        self._say("length", promised=max((self._container.duration or 0) / av.time_base, 0.0))
        if survey.slow:
            self._say("slow", time=until)
        if survey.longer:
            self._say("longer")


def packets_from(container: InputContainer, streams: tuple[Any, ...], at: float) -> Iterator[Any]:
    """Packets from a place at or before `at` on, seconds on the clock of the streams; from the start of a
    file that cannot be sought in.
    """
    for back in (*BACK, float("inf")) if at > 0 else ():
        target = max(at - back, 0.0)
        with contextlib.suppress(av.FFmpegError, ValueError, OverflowError):
            container.seek(round(target * av.time_base), backward=True)
            packets = packets_of(container, *streams)
            first = next(packets, None)
            if first is not None and ((packet_time(first) or 0.0) <= at or target == 0.0):
                yield first
                yield from packets
                return
    yield from packets_of(container, *streams)
