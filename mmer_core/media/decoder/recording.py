"""Recordings, files with a clock, in two passes: the first decodes the sound and reads the times of the
pictures, the second decodes the pictures.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import av
from av.container import InputContainer

from mmer_core.clip import SAMPLE_RATE
from mmer_core.config import Limits
from mmer_core.media.decoder.pictures import Pictures
from mmer_core.media.decoder.sound import RATES, Sound
from mmer_core.media.decoder.source import open_source
from mmer_core.media.decoder.stream import (
    Damage,
    Span,
    frame_seconds,
    frame_time,
    frames_held_back,
    frames_of,
    main_stream,
    packets_of,
)

STATED_LENGTH = {
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "flac",
    "wav",
}  # elsewhere the length is an estimate
DAY = 86_400.0  # seconds; a header that promises more is not believed
BEYOND = 10.0  # seconds past the limit in one stream before the other is given up
DENSE = 5  # times more frames than are wanted: those that no other frame needs are not decoded
THREADS = max(1, min(4, os.cpu_count() or 1))


class Budget:
    """Ends decoding in good order before the hard limits do."""

    def __init__(self, limits: Limits, share: float = 0.8) -> None:
        self._wall = time.monotonic() + share * limits.wall_seconds
        self._cpu = share * limits.cpu_seconds

    def spent(self) -> bool:
        """Whether decoding must end."""
        return time.monotonic() > self._wall or time.process_time() > self._cpu


@dataclass
class Survey:
    """Findings of the first pass.

    Attributes:
        video, audio: extent of each stream.
        longer: there is more than `Limits.max_seconds`.
        slow: the budget ended a pass.
    """

    video: Span = field(default_factory=Span)
    audio: Span = field(default_factory=Span)
    longer: bool = False
    slow: bool = False

    @property
    def origin(self) -> float:
        """The clip's start on the clock of the streams, seconds."""
        first = min(self.video.start, self.audio.start)
        return first if first < float("inf") else 0.0

    @property
    def seconds(self) -> float:
        """From the first to the last moment of either stream."""
        return max(self.video.end, self.audio.end, self.origin) - self.origin


class Recording:
    """Decodes one video or sound file and reports on it."""

    def __init__(
        self, file: BinaryIO, container: InputContainer, limits: Limits, say: Callable[..., None]
    ) -> None:
        self._file, self._container, self._limits, self._say = file, container, limits, say
        self._budget = Budget(limits)
        self._survey = Survey()

    def decode(self, frames: BinaryIO, samples: BinaryIO) -> None:
        """Write frames and samples; report as the package's docstring says."""
        video, audio = self._streams()
        sound = Sound(samples, self._limits.max_seconds)
        self._first_pass(video, audio, sound)
        until = self._report_sound(sound) if audio is not None else 0.0
        if video is not None:
            until = self._second_pass(video, frames)
        survey, promised = self._survey, (self._container.duration or 0) / av.time_base
        if survey.slow:
            self._say("slow", time=until)
        elif survey.longer:
            self._say("longer")
        elif (
            self._container.format.name in STATED_LENGTH
            and max(0.5, 0.05 * promised) < promised - survey.seconds < DAY
        ):
            self._say("short", promised=promised)

    def _streams(self) -> tuple[Any, Any]:
        """The video and the audio stream to decode, or None for either, with the reason reported."""
        video, visible = main_stream(self._container.streams.video)
        audio, audible = main_stream(self._container.streams.audio)
        self._say("kind", kind="video" if visible else "audio")
        if video is None:
            self._say("absent", part="visual", reason="codec" if visible else "none", detail="")
        elif video.codec_context.width * video.codec_context.height > self._limits.max_pixels:
            self._say(
                "absent",
                part="visual",
                reason="pixels",
                detail=f"{video.codec_context.width} x {video.codec_context.height}",
            )
            video = None
        if audio is None:
            self._say("absent", part="audio", reason="codec" if audible else "none", detail="")
        elif not RATES[0] <= audio.codec_context.sample_rate <= RATES[1]:
            self._say("absent", part="audio", reason="rate", detail=f"{audio.codec_context.sample_rate} Hz")
            audio = None
        return video, audio

    def _first_pass(self, video: Any, audio: Any, sound: Sound) -> None:
        """Decode the sound; of the pictures, read only the times."""
        survey, longest = self._survey, self._limits.max_seconds
        streams = [s for s in (video, audio) if s is not None]
        over: set[int] = set()
        for packet in packets_of(self._container, *streams):
            if self._budget.spent():
                survey.slow = True
                break
            is_sound = packet.stream is audio
            span = survey.audio if is_sound else survey.video
            since = span.add(packet)
            if is_sound and not sound.full:
                feed(sound, frames_of(packet, span.damage), span.damage)
            if since >= longest:
                survey.longer = True
                over.add(packet.stream_index)
                if len(over) == len(streams) or since > longest + BEYOND:
                    break
        if audio is not None and not sound.full:
            feed(sound, frames_held_back(audio), survey.audio.damage)
            with contextlib.suppress(av.FFmpegError, ValueError):
                sound.flush()

    def _report_sound(self, sound: Sound) -> float:
        """Returns the time up to which there is sound, seconds of the clip."""
        survey, damage = self._survey, self._survey.audio.damage
        offset = (
            max((survey.audio.start if sound.start is None else sound.start) - survey.origin, 0.0)
            if survey.audio.packets
            else 0.0
        )
        until = min(offset + sound.written / SAMPLE_RATE, self._limits.max_seconds)
        self._say(
            "sound",
            until=until,
            offset=offset,
            damage=self._clip_time(damage),
            lost=damage.lost,
            silenced=sound.silenced,
        )
        if not sound.written or offset >= self._limits.max_seconds:
            self._say("absent", part="audio", reason="late" if sound.written else "damaged", detail="")
        return until

    def _second_pass(self, video: Any, frames: BinaryIO) -> float:
        """Decode the pictures; returns the time up to which they were read, seconds of the clip."""
        survey, span, limits = self._survey, self._survey.video, self._limits
        step = max(1 / limits.frames_per_second, min(span.seconds, limits.max_seconds) / limits.max_frames)
        pictures = Pictures(
            frames, self._say, limits, origin=survey.origin, step=step, aspect=video.sample_aspect_ratio
        )
        with open_source(self._file, limits) as container:
            stream: Any = container.streams[video.index]
            stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}
            stream.codec_context.thread_type, stream.codec_context.thread_count = "AUTO", THREADS
            if span.packets > DENSE * limits.frames_per_second * span.seconds:
                stream.codec_context.skip_frame = "NONREF"
            for packet in packets_of(container, stream):
                survey.slow = survey.slow or self._budget.spent()
                if survey.slow or pictures.full:
                    break
                feed(pictures, frames_of(packet, span.damage), span.damage)
            feed(pictures, frames_held_back(stream), span.damage)
        if (
            pictures.written and span.damage.first is None and not survey.slow
        ):  # what was skipped at the end counts too
            pictures.until = max(pictures.until, min(span.end - survey.origin, limits.max_seconds))
        self._say(
            "pictures", until=pictures.until, damage=self._clip_time(span.damage), lost=span.damage.lost
        )
        if not pictures.written:
            late = span.packets and span.start - survey.origin >= limits.max_seconds
            self._say("absent", part="visual", reason="late" if late else "damaged", detail="")
        return pictures.until

    def _clip_time(self, damage: Damage) -> float | None:
        """Where the damage starts, in seconds of the clip."""
        return None if damage.first is None else max(damage.first - self._survey.origin, 0.0)


def feed(sink: Sound | Pictures, frames: Iterable[Any], damage: Damage) -> None:
    """Hand frames on; one that is corrupt or cannot be converted is damage."""
    for frame in frames:
        try:
            if not frame.is_corrupt:
                sink.add(frame)
                continue
        except (av.FFmpegError, ValueError):
            pass  # counted below, like a corrupt one
        damage.add(frame_time(frame) or 0.0, frame_seconds(frame))
