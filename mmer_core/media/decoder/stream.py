"""Packets and frames of one stream, read so that damage is noted and never raised."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

UNTIMED = 1 / 25  # seconds that a frame lasts when the file does not say
SIDE_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails  # cover art is not a video


@dataclass
class Damage:
    """Where a stream could not be decoded.

    Attributes:
        first: seconds on the stream's clock; None if it could be decoded whole.
        lost: seconds that are gone.
    """

    first: float | None = None
    lost: float = 0.0

    def add(self, at: float, seconds: float) -> None:
        """Note that `seconds` from `at` on cannot be decoded."""
        self.first = at if self.first is None else min(self.first, at)
        self.lost += seconds or UNTIMED


@dataclass
class Span:
    """Extent of one stream, as its packets give it, in seconds on the stream's clock."""

    start: float = float("inf")
    end: float = float("-inf")
    packets: int = 0
    damage: Damage = field(default_factory=Damage)

    def add(self, packet: av.Packet[Any]) -> float:
        """Count a packet; returns how long after the first it comes.

        What the file marks as not to be shown, outside of an edited clip's part, does not count: -1.
        """
        if packet.is_discard:
            return -1.0
        at = packet_time(packet)
        if at is None:
            at = self.end if self.packets else 0.0
        self.start = min(self.start, at)
        self.end = max(self.end, at + packet_seconds(packet))
        self.packets += 1
        if packet.is_corrupt:
            self.damage.add(at, packet_seconds(packet))
        return at - self.start

    @property
    def seconds(self) -> float:
        """Seconds from the start of the first packet to the end of the last."""
        return self.end - self.start if self.packets else 0.0


def packet_time(packet: av.Packet[Any]) -> float | None:
    """Seconds at which the packet is presented; None if the file does not say."""
    ticks = packet.dts if packet.pts is None else packet.pts
    return None if ticks is None or not packet.time_base else float(ticks * packet.time_base)


def packet_seconds(packet: av.Packet[Any]) -> float:
    """Duration of the packet in seconds; 0 if the file does not say."""
    return max(float((packet.duration or 0) * packet.time_base), 0.0) if packet.time_base else 0.0


def frame_time(frame: AudioFrame | VideoFrame) -> float | None:
    """Seconds at which the frame is presented, on the stream's clock; None if unknown."""
    return float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else None


def frame_seconds(frame: AudioFrame | VideoFrame) -> float:
    """Duration of the frame in seconds; 0 if unknown."""
    return max(float((frame.duration or 0) * (frame.time_base or 0)), 0.0)


def packets_of(container: InputContainer, *streams: VideoStream | AudioStream) -> Iterator[av.Packet[Any]]:
    """Packets up to the end, or to the first place that cannot be read: an unreadable rest is a file that
    ends there.
    """
    with contextlib.suppress(av.FFmpegError):
        for packet in container.demux(*streams):
            if packet.size:
                yield packet


def frames_of(packet: av.Packet[Any], damage: Damage) -> list[Any]:
    """The frames of a packet; none, with the damage noted, if it cannot be decoded."""
    try:
        return packet.decode()
    except (av.FFmpegError, ValueError):
        damage.add(packet_time(packet) or 0.0, packet_seconds(packet))
        return []


def frames_held_back(stream: VideoStream | AudioStream) -> list[Any]:
    """The last frames of a stream, which a decoder keeps until it is told that nothing follows."""
    frames: list[Any] = []
    with contextlib.suppress(av.FFmpegError, ValueError):
        frames = list(stream.decode(None))
    for frame in frames:
        frame.time_base = stream.time_base  # PyAV knows it only from a packet
    return frames


def proper_streams(streams: tuple[Any, ...]) -> tuple[list[Any], bool]:
    """The streams that can be decoded, the file's default first, and whether there is any at all, decodable
    or not.
    """
    proper: list[Stream] = [s for s in streams if not s.disposition & SIDE_PICTURES]
    # A stream whose parameters could not be found has no context; decoding it would crash (PyAV issue 2344).
    decodable = [s for s in proper if s.codec_context is not None]
    decodable.sort(key=lambda s: not s.disposition & Disposition.default)
    return decodable, bool(proper)
