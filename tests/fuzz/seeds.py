"""A short sound file, a short video and a small picture of every container and codec that can be written
here: what the mutations begin from.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import av
import media_factory as make
import numpy as np
import pillow_heif
from PIL import Image

SECONDS = 0.4
PICTURES_A_SECOND = 10
X265 = {"x265-params": "log-level=error:pools=none:frame-threads=1"}
REALTIME = {"deadline": "realtime"}

#: name -> container, video encoder (or ""), audio encoder (or ""), and what differs from the usual
RECORDINGS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "mp4 h264 aac": ("mp4", "libx264", "aac", {}),
    "mp4 h264 aac in fragments": (
        *("mp4", "libx264", "aac"),
        {"container": {"movflags": "frag_keyframe+empty_moov+default_base_moof"}},
    ),
    "mp4 hevc 10 bit": ("mp4", "libx265", "aac", {"pixels": "yuv420p10le", "tuning": X265}),
    "mp4 h264 10 bit": ("mp4", "libx264", "aac", {"pixels": "yuv420p10le"}),
    "mov h264 aac": ("mov", "libx264", "aac", {}),
    "mov prores pcm 24": ("mov", "prores_ks", "pcm_s24le", {"pixels": "yuv422p10le"}),
    "mov prores alpha": ("mov", "prores_ks", "", {"pixels": "yuva444p10le"}),
    "mov png alpha": ("mov", "png", "", {"pixels": "rgba"}),
    "mkv h264 aac": ("matroska", "libx264", "aac", {}),
    "mkv ffv1 flac": ("matroska", "ffv1", "flac", {}),
    "mkv mpeg4 ac3": ("matroska", "mpeg4", "ac3", {"sound_rate": 48_000}),
    "webm vp9 opus": ("webm", "libvpx-vp9", "libopus", {"tuning": REALTIME}),
    "webm vp9 alpha": ("webm", "libvpx-vp9", "", {"pixels": "yuva420p", "tuning": REALTIME}),
    "webm vp8 opus": ("webm", "libvpx", "libopus", {"tuning": REALTIME}),
    "avi mjpeg pcm": ("avi", "mjpeg", "pcm_s16le", {"pixels": "yuvj420p"}),
    "avi mpeg4 mp3": ("avi", "mpeg4", "libmp3lame", {}),
    "avi huffyuv": ("avi", "huffyuv", "", {"pixels": "yuv422p"}),
    "mpegts h264 aac": ("mpegts", "libx264", "aac", {}),
    "mpegts mpeg2 mp2": ("mpegts", "mpeg2video", "mp2", {"rate": 25}),
    "flv h264 aac": ("flv", "libx264", "aac", {}),
    "flv sorenson mp3": ("flv", "flv", "libmp3lame", {"sound_rate": 44_100}),
    "3gp h263 amr": ("3gp", "h263", "libopencore_amrnb", {"size": (128, 96), "sound_rate": 8_000}),
    "asf wmv2 wma": ("asf", "wmv2", "wmav2", {"sound_rate": 44_100}),
    "wav pcm 16": ("wav", "", "pcm_s16le", {}),
    "wav pcm 24": ("wav", "", "pcm_s24le", {}),
    "wav float": ("wav", "", "pcm_f32le", {}),
    "wav 8 channels 192 kHz": ("wav", "", "pcm_s16le", {"sound_rate": 192_000, "layout": "7.1"}),
    "wav adpcm": ("wav", "", "adpcm_ima_wav", {}),
    "wav a-law": ("wav", "", "pcm_alaw", {"sound_rate": 8_000}),
    "aiff pcm": ("aiff", "", "pcm_s16be", {}),
    "au mu-law": ("au", "", "pcm_mulaw", {"sound_rate": 8_000}),
    "caf alac": ("caf", "", "alac", {}),
    "flac": ("flac", "", "flac", {}),
    "flac 8 channels 192 kHz": ("flac", "", "flac", {"sound_rate": 192_000, "layout": "7.1"}),
    "mp3": ("mp3", "", "libmp3lame", {}),
    "aac adts": ("adts", "", "aac", {}),
    "m4a aac": ("ipod", "", "aac", {}),
    "m4a alac": ("ipod", "", "alac", {}),
    "ogg vorbis": ("ogg", "", "vorbis", {"layout": "stereo", "tuning": {"strict": "-2"}}),
    "ogg flac": ("ogg", "", "flac", {}),
    "opus": ("opus", "", "libopus", {}),
    "wma": ("asf", "", "wmav2", {"sound_rate": 44_100}),
}


def recording(
    kind: str,
    video: str,
    audio: str,
    *,
    pixels: str = "yuv420p",
    size: tuple[int, int] = (make.WIDTH, make.HEIGHT),
    rate: int = PICTURES_A_SECOND,
    times: list[float] | None = None,
    sound_rate: int = 16_000,
    layout: str = "mono",
    tuning: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
) -> bytes:
    """A file of four coloured corners and a tone, in this container and these codings.

    Args:
        kind: container, as FFmpeg calls it.
        video, audio: encoders; "" for none.
        times: at which the pictures are shown, seconds; evenly by default.
        tuning: options of the encoder, of the pictures where there are some.
        container: options of the container.
    """
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind, options=container or {}) as out:
        pictures = sound = None
        if video:
            stream = out.add_stream(video, rate=rate, options=tuning or {})
            stream.width, stream.height, stream.pix_fmt = (*size, pixels)
            pictures = stream
        if audio:
            sound_rate = 48_000 if audio == "libopus" else sound_rate
            own = tuning or {} if not video else {}
            sound = out.add_stream(audio, rate=sound_rate, layout=layout, options=own)
            if audio in ("ac3", "wmav2"):
                sound.bit_rate = 64_000
        if pictures is not None:
            shown = [n / rate for n in range(round(SECONDS * rate))] if times is None else times
            for index, at in enumerate(shown):
                frame = av.VideoFrame.from_ndarray(make.corners(*size, tint=index * 7 % 90), format="rgb24")
                frame.pts, frame.time_base = round(at * rate), Fraction(1, rate)
                out.mux(pictures.encode(frame))
            out.mux(pictures.encode(None))
        if sound is not None:
            _write_sound(out, sound, sound_rate, layout)
    return buffer.getvalue()


def _write_sound(out: Any, stream: Any, rate: int, layout: str) -> None:
    channels = av.AudioLayout(layout).nb_channels
    tone = np.repeat(make.tone(SECONDS, rate)[None], channels, axis=0)
    for start in range(0, tone.shape[1], 1024):
        piece = np.ascontiguousarray(tone[:, start : start + 1024].T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece, format="flt", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def _photograph() -> Image.Image:
    return Image.fromarray(make.corners())


def _frames(count: int = 3) -> list[Image.Image]:
    return [Image.fromarray(make.corners(tint=30 * n)) for n in range(count)]


def _moving(kind: str, **options: Any) -> bytes:
    first, *rest = _frames()
    return make.saved(first, kind, save_all=True, append_images=rest, duration=200, **options)


def _deep() -> Image.Image:
    return Image.fromarray((make.corners()[..., 0].astype(np.uint16) << 8) + 7)


def _transparent() -> Image.Image:
    picture = _photograph().convert("RGBA")
    picture.putalpha(100)
    return picture


def _heic() -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(_photograph()).save(buffer, quality=60)
    return buffer.getvalue()


#: name -> a picture, still or moving
PICTURES: dict[str, Callable[[], bytes]] = {
    "png": lambda: make.saved(_photograph(), "PNG"),
    "png 16 bit": lambda: make.saved(_deep(), "PNG"),
    "png alpha": lambda: make.saved(_transparent(), "PNG"),
    "png palette": lambda: make.saved(_photograph().convert("P"), "PNG"),
    "apng": lambda: _moving("PNG"),
    "jpeg": lambda: make.saved(_photograph(), "JPEG"),
    "jpeg progressive": lambda: make.saved(_photograph(), "JPEG", progressive=True),
    "jpeg turned": lambda: make.with_exif(make.saved(_photograph(), "JPEG"), 6),
    "jpeg cmyk": lambda: make.saved(_photograph().convert("CMYK"), "JPEG"),
    "mpo": lambda: make.saved(_frames()[0], "MPO", save_all=True, append_images=_frames()[1:]),
    "gif": lambda: make.saved(_photograph(), "GIF"),
    "gif moving": lambda: _moving("GIF"),
    "webp": lambda: make.saved(_photograph(), "WEBP"),
    "webp lossless alpha": lambda: make.saved(_transparent(), "WEBP", lossless=True),
    "webp moving": lambda: _moving("WEBP"),
    "avif": lambda: make.saved(_photograph(), "AVIF", max_threads=1),
    "avif moving": lambda: _moving("AVIF", max_threads=1),
    "bmp": lambda: make.saved(_photograph(), "BMP"),
    "bmp palette": lambda: make.saved(_photograph().convert("P"), "BMP"),
    "tiff": lambda: make.saved(_photograph(), "TIFF"),
    "heic": _heic,
}


def names() -> list[str]:
    """Of everything that `seed` makes."""
    return [*RECORDINGS, *PICTURES]


@cache
def seed(name: str) -> bytes:
    """The file of this name, sound in every part."""
    if name in PICTURES:
        return PICTURES[name]()
    kind, video, audio, options = RECORDINGS[name]
    return recording(kind, video, audio, **options)
