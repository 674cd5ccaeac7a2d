"""Recordings, files with a clock, in two passes: the first decodes the sound and reads the times of the
pictures, the second decodes the pictures.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

import av
from av.container import InputContainer

from mmer_core.clip import SAMPLE_RATE
from mmer_core.config import Limits
from mmer_core.media.decoder.budget import Budget
from mmer_core.media.decoder.pictures import Pictures
from mmer_core.media.decoder.sound import RATES, Sound
from mmer_core.media.decoder.source import open_source
from mmer_core.media.decoder.stream import (
    Damage,
    frame_seconds,
    frame_time,
    frames_held_back,
    frames_of,
    packets_of,
    proper_streams,
)
from mmer_core.media.decoder.survey import Survey, earliest

STATED_LENGTH = {
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "flac",
    "wav",
}  # elsewhere the length is an estimate
DAY = 86_400.0  # seconds; a header that promises more is not believed
BEYOND = 10.0  # seconds past the limit in one stream before the other is given up
PRIMING = 0.1  # seconds; what an encoder puts before the sound, decoders leave out
MOST_TRACKS = 8  # sound tracks that are searched for sound
DENSE = 5  # times more frames than are wanted: those that no other frame needs are not decoded
THREADS = max(1, min(4, os.cpu_count() or 1))


class Recording:
    """Decodes one video or sound file and reports on it."""

    def __init__(
        self, file: BinaryIO, container: InputContainer, limits: Limits, say: Callable[..., None]
    ) -> None:
        self._file, self._container, self._limits, self._say = file, container, limits, say
        self._budget = Budget(limits)
        self._longest = limits.max_seconds  # of each stream, seconds
        self._survey = self._new_survey()

    def _new_survey(self) -> Survey:
        return Survey(earliest=earliest(self._container))

    def _packets(self, container: InputContainer, *streams: Any) -> Iterable[Any]:
        """Packets from a place on from which everything that is wanted can be decoded."""
        return packets_of(container, *streams)

    def decode(self, frames: BinaryIO, samples: BinaryIO) -> None:
        """Write frames and samples; report as the package's docstring says."""
        video, tracks = self._streams()
        until = self._first_passes(video, tracks, samples)
        if video is not None:
            until = self._second_pass(video, frames)
        self._report_end(until)

    def _report_end(self, until: float) -> None:
        """Say what is missing after `until`, seconds of the clip."""
        survey, promised = self._survey, (self._container.duration or 0) / av.time_base
        if survey.slow:
            self._say("slow", time=until)
        elif survey.longer:
            self._say("longer")
            self._say("length", promised=promised if 0 < promised < DAY else 0.0)
        elif (
            self._container.format.name in STATED_LENGTH
            and max(0.5, 0.05 * promised) < promised - survey.seconds < DAY
        ):
            self._say("short", promised=promised)

    def _streams(self) -> tuple[Any, list[Any]]:
        """The video stream to decode, or None, and the audio streams, the default first; with the reason
        reported where there is none.
        """
        videos, visible = proper_streams(self._container.streams.video)
        tracks, audible = proper_streams(self._container.streams.audio)
        video, most = videos[0] if videos else None, self._limits.max_pixels
        self._say("kind", kind="video" if visible else "audio")
        if video is None:
            self._say("absent", part="visual", reason="codec" if visible else "none", detail="")
        elif video.codec_context.width * video.codec_context.height > most:
            size = f"{video.codec_context.width} x {video.codec_context.height}"
            self._say("absent", part="visual", reason="pixels", detail=size)
            video = None
        usable = [s for s in tracks if RATES[0] <= s.codec_context.sample_rate <= RATES[1]]
        if not tracks:
            self._say("absent", part="audio", reason="codec" if audible else "none", detail="")
        elif not usable:
            rate = f"{tracks[0].codec_context.sample_rate} Hz"
            self._say("absent", part="audio", reason="rate", detail=rate)
        return video, usable

    def _first_passes(self, video: Any, tracks: list[Any], samples: BinaryIO) -> float:
        """Decode the first sound track in which something is heard, or else the first; returns the time up to
        which there is sound, seconds of the clip.
        """
        if not tracks:
            self._first_pass(video, None, Sound(samples, self._longest))
            return 0.0
        chosen, container = tracks[0], self._container
        sound = Sound(samples, self._longest)
        self._first_pass(video, chosen, sound)
        picture = self._survey.video
        for other in [*tracks[1:MOST_TRACKS], tracks[0]] if len(tracks) > 1 else []:
            if sound.audible or self._survey.slow:
                break
            samples.seek(0)
            samples.truncate()
            sound, self._survey = Sound(samples, self._longest), self._new_survey()
            with open_source(self._file, self._limits) as self._container:
                again = None if video is None else self._container.streams[video.index]
                chosen = other
                self._first_pass(again, self._container.streams[other.index], sound)
        self._container = container
        if video is not None and not self._survey.video.packets:
            self._survey.video = picture
        sound.finish(self._survey.origin)
        if len(tracks) > 1:
            order = sorted(track.index for track in tracks)
            self._say("tracks", count=len(tracks), used=order.index(chosen.index) + 1)
        return self._report_sound(sound)

    def _first_pass(self, video: Any, audio: Any, sound: Sound) -> None:
        """Decode the sound; of the pictures, read only the times."""
        survey, longest = self._survey, self._longest
        streams = [s for s in (video, audio) if s is not None]
        over: set[int] = set()
        for packet in self._packets(self._container, *streams):
            if self._budget.spent():
                survey.slow = True
                break
            is_sound = packet.stream is audio
            span = survey.audio if is_sound else survey.video
            since = span.add(packet)
            if is_sound and not sound.full and not packet.is_discard:
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
        if sound.start is not None and 0 < sound.start - survey.audio.start < PRIMING:
            survey.audio.start = sound.start

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
            promised = bool(self._container.duration) or damage.first is not None or survey.audio.packets
            reason = "late" if sound.written else "damaged" if promised else "empty"
            self._say("absent", part="audio", reason=reason, detail="")
        return until

    def _second_pass(self, video: Any, frames: BinaryIO) -> float:
        """Decode the pictures; returns the time up to which they were read, seconds of the clip."""
        survey, span, limits = self._survey, self._survey.video, self._limits
        seconds = min(span.seconds, limits.max_seconds)
        step = max(1 / limits.frames_per_second, seconds / limits.max_frames)
        pictures = Pictures(
            frames,
            self._say,
            limits,
            origin=survey.origin,
            step=step,
            aspect=video.sample_aspect_ratio,
            expected=min(math.ceil(seconds / step), span.packets),
        )
        with open_source(self._file, limits) as container:
            stream: Any = container.streams[video.index]
            stream.codec_context.options = {"max_pixels": str(limits.max_pixels)}
            stream.codec_context.thread_type, stream.codec_context.thread_count = "AUTO", THREADS
            if span.packets > DENSE * limits.frames_per_second * span.seconds:
                stream.codec_context.skip_frame = "NONREF"
            for packet in self._packets(container, stream):
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
