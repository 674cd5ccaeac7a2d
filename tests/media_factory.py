"""Real media made on the spot: a picture whose corners can be told apart, a 440 Hz tone, and files broken in
known ways.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

TONE = 440.0  # Hz
BOXES = (b"mvhd", b"elst")  # of an mp4: its length, the edit list of a track
WIDTH, HEIGHT = 64, 48
# Red, green; blue, white: any turn or mirror image changes the order.
CORNERS = (((255, 0, 0), (0, 255, 0)), ((0, 0, 255), (255, 255, 255)))

#: suffix -> (video codec, audio codec) as such files usually carry them
VIDEO_CODECS = {
    "mp4": ("libx264", "aac"),
    "mov": ("libx264", "aac"),
    "mkv": ("libx264", "aac"),
    "webm": ("libvpx", "libopus"),
    "avi": ("mpeg4", "libmp3lame"),
}
#: what newer phones and browsers record: suffix, video codec, audio codec, pixel format (some of 10 bits) and
#: the video encoder's options.
#: Not AV1: run as root, its encoder (SVT-AV1) leaves the calling process at real-time priority, and all that
#: it starts, browsers too.
NEWER_CODECS = {
    "HEVC": (
        "mov",
        "libx265",
        "aac",
        "yuv420p10le",
        {"x265-params": "log-level=error:pools=none:frame-threads=1"},
    ),
    "VP9": ("webm", "libvpx-vp9", "libopus", "yuv420p", {"deadline": "realtime"}),
}
SOUND_CODECS = {"wav": "pcm_s16le", "flac": "flac", "mp3": "libmp3lame", "m4a": "aac", "ogg": "libopus"}
PICTURE_CODECS = {
    "jpg": ("mjpeg", "yuvj420p"),
    "png": ("png", "rgb24"),
    "webp": ("libwebp", "yuv420p"),
    "bmp": ("bmp", "bgr24"),
    "gif": ("gif", "rgb8"),
}


class OneWay(io.RawIOBase):
    """A sink that cannot seek, like the stream a browser records into: no duration gets into the header."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self.content += bytes(data)
        return len(data)


#: For `decoder_that`: the decoding process crashes at the fourth picture.
CRASH_AFTER_THREE_PICTURES = """
from mmer_core.media.decoder.pictures import Pictures
write = Pictures._write
def write_or_crash(self, frame, at):
    if self.written == 3:
        os.kill(os.getpid(), signal.SIGSEGV)
    write(self, frame, at)
Pictures._write = write_or_crash
run()
"""


def corners(width: int = WIDTH, height: int = HEIGHT, tint: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 in four colours; `tint` darkens the white corner."""
    picture = np.zeros((height, width, 3), np.uint8)
    for row, band in enumerate((slice(0, height // 2), slice(height // 2, None))):
        for column, side in enumerate((slice(0, width // 2), slice(width // 2, None))):
            picture[band, side] = CORNERS[row][column]
    picture[height // 2 :, width // 2 :] -= np.uint8(tint)
    return picture


def corner_colours(picture: np.ndarray) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """The colour in the middle of each quarter, rounded to full or none per channel: comparable with
    `CORNERS`.
    """
    height, width = picture.shape[:2]
    rows, columns = (height // 4, height * 3 // 4), (width // 4, width * 3 // 4)
    return tuple(tuple(tuple(255 * int(v > 110) for v in picture[r, c]) for c in columns) for r in rows)


def tone(seconds: float, rate: int = 16_000, frequency: float = TONE) -> np.ndarray:
    """(N,) float32 sine of amplitude 0.3."""
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def pitch(waveform: np.ndarray, rate: int = 16_000) -> float:
    """The strongest frequency, Hz."""
    return float(np.abs(np.fft.rfft(waveform)).argmax() * rate / len(waveform))


def write_video(
    target: Path | OneWay,
    *,
    kind: str | None = None,
    seconds: float = 2.0,
    rate: int = 10,
    size: tuple[int, int] = (WIDTH, HEIGHT),
    sound: bool = True,
    picture: bool = True,
    times: Sequence[float] | None = None,
    sound_delay: float = 0.0,
    options: dict[str, str] | None = None,
    aspect: Fraction | None = None,
    newer: str | None = None,
) -> None:
    """A video with a tone.

    Args:
        target: where to; the suffix decides the format unless `kind` does.
        times: when each frame is shown, seconds; evenly at `rate` by default.
        sound_delay: how much later the sound starts, seconds.
        options: of the container.
        aspect: of one pixel.
        newer: one of `NEWER_CODECS` in place of the usual codecs.
    """
    kind = kind or str(target).rsplit(".", 1)[-1]
    video_codec, audio_codec, pixels, tuning = (
        NEWER_CODECS[newer][1:] if newer else (*VIDEO_CODECS[kind], "yuv420p", {})
    )
    output = str(target) if isinstance(target, Path) else target
    with av.open(output, "w", format={"mkv": "matroska"}.get(kind, kind), options=options or {}) as container:
        video = (
            container.add_stream(
                video_codec, rate=rate, width=size[0], height=size[1], pix_fmt=pixels, options=tuning
            )
            if picture
            else None
        )
        audio = (
            container.add_stream(
                audio_codec, rate=48_000 if audio_codec == "libopus" else 16_000, layout="mono"
            )
            if sound
            else None
        )
        if video is not None:
            video.codec_context.time_base = video.time_base = Fraction(1, 1000)
            if aspect is not None:
                video.codec_context.sample_aspect_ratio = aspect
            for index, at in enumerate(
                times if times is not None else np.arange(round(seconds * rate)) / rate
            ):
                frame = av.VideoFrame.from_ndarray(corners(*size, tint=index * 7 % 90), format="rgb24")
                frame.pts, frame.time_base = round(float(at) * 1000), Fraction(1, 1000)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
        if audio is not None:
            _encode_sound(container, audio, tone(seconds, audio.codec_context.sample_rate), sound_delay)


def _encode_sound(container, stream, samples: np.ndarray, delay: float = 0.0) -> None:
    rate = stream.codec_context.sample_rate
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start + round(delay * rate), Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write_sound(path: Path, *, kind: str | None = None, seconds: float = 1.0, cover: bool = False) -> None:
    """A tone in one channel, with cover art if asked."""
    kind = kind or path.suffix[1:]
    codec = SOUND_CODECS[kind]
    muxer = "mp4" if kind == "m4a" else kind  # not "ipod", which takes no cover
    with av.open(str(path), "w", format=muxer) as container:
        audio = container.add_stream(codec, rate=48_000 if codec == "libopus" else 16_000, layout="mono")
        art = (
            container.add_stream("mjpeg", rate=1, width=WIDTH, height=HEIGHT, pix_fmt="yuvj420p")
            if cover
            else None
        )
        if art is not None:
            art.disposition = av.stream.Disposition.attached_pic
            packet = av.Packet(picture_bytes("jpg"))
            packet.stream, packet.pts, packet.dts, packet.time_base = art, 0, 0, Fraction(1, 1)
            container.start_encoding()
            container.mux(packet)
        _encode_sound(container, audio, tone(seconds, audio.codec_context.sample_rate))


def picture_bytes(kind: str, pixels: np.ndarray | None = None, pixel_format: str = "rgb24") -> bytes:
    """A picture file with `pixels`, by default the four corners."""
    pixels = corners() if pixels is None else pixels
    codec, stored = PICTURE_CODECS[kind]
    stored = "rgba" if pixel_format == "rgba" else stored
    frame = av.VideoFrame.from_ndarray(pixels, format=pixel_format).reformat(
        format=stored, dst_color_range="JPEG" if stored == "yuvj420p" else None
    )
    frame.pts = 0
    if kind == "gif":
        buffer = io.BytesIO()
        with av.open(buffer, "w", format="gif") as container:
            stream = container.add_stream(
                codec, rate=1, width=frame.width, height=frame.height, pix_fmt=stored
            )
            container.mux([*stream.encode(frame), *stream.encode(None)])
        return buffer.getvalue()
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt, context.time_base = (
        frame.width,
        frame.height,
        stored,
        Fraction(1, 1),
    )
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def with_exif(jpeg: bytes, orientation: int) -> bytes:
    """The same JPEG with an EXIF orientation from 1 to 8."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    segment = b"Exif\0\0" + b"MM\0*\0\0\0\x08" + struct.pack(">H", 1) + entry + struct.pack(">I", 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + jpeg[2:]


def stored_as(picture: np.ndarray, orientation: int) -> np.ndarray:
    """An upright picture as a camera stores it with the EXIF orientation `orientation`."""
    undo: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda p: p,
        2: np.fliplr,
        3: lambda p: np.rot90(p, 2),
        4: np.flipud,
        5: lambda p: p.transpose(1, 0, 2),
        6: np.rot90,
        7: lambda p: np.rot90(p, 2).transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }
    return np.ascontiguousarray(undo[orientation](picture))


def turn_mp4(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write the display matrix (a, b, c, d) of a video without sound into its track header, as phones do."""
    content = bytearray(path.read_bytes())
    at = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (value << 16 for value in matrix)
    content[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)


def wav_bytes(samples: np.ndarray, rate: int) -> bytes:
    """A WAV file of (N, C) samples, whole numbers or floating point, with any header values."""
    channels, width = samples.shape[1], samples.dtype.itemsize
    body = samples.tobytes()
    form = struct.pack(
        "<HHIIHH",
        3 if samples.dtype.kind == "f" else 1,
        channels,
        rate,
        min(rate * channels * width, 2**32 - 1),
        channels * width,
        8 * width,
    )
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(body))
        + b"WAVEfmt "
        + struct.pack("<I", len(form))
        + form
        + b"data"
        + struct.pack("<I", len(body))
        + body
    )


def write_long_wav(path: Path, hours: float, rate: int = 8_000) -> None:
    """A WAV file that really is so long, without taking the room: the samples are a hole in the file."""
    size = round(hours * 3600 * rate)
    header = wav_bytes(np.zeros((0, 1), np.uint8), rate)
    with path.open("wb") as file:
        file.write(header[:4] + struct.pack("<I", 36 + size) + header[8:-4] + struct.pack("<I", size))
        file.truncate(len(header) + size)


def png_bomb(width: int, height: int) -> bytes:
    """A small file that announces a huge picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(10**6), 9)) + chunk(b"IEND", b"")
    )


def write_resized_video(path: Path, sizes: Sequence[tuple[int, int]]) -> None:
    """A video whose frames change their size on the way, one second each."""
    with av.open(str(path), "w", format="matroska") as container:
        stream = container.add_stream(
            "mjpeg", rate=1, width=sizes[0][0], height=sizes[0][1], pix_fmt="yuvj420p"
        )
        container.start_encoding()
        for index, size in enumerate(sizes):
            packet = av.Packet(picture_bytes("jpg", corners(*size)))
            packet.stream, packet.pts, packet.dts, packet.duration, packet.time_base = (
                stream,
                index,
                index,
                1,
                Fraction(1, 1),
            )
            container.mux(packet)


def trim_mp4(path: Path, start: float, end: float) -> None:
    """Let the edit lists of an mp4 show only the part from `start` to `end`, seconds, as phones trim: what
    lies outside stays in the file.
    """
    content = bytearray(path.read_bytes())
    clock, at = 1, 0
    while (found := min((p for p in (content.find(n, at) for n in BOXES) if p >= 0), default=-1)) >= 0:
        name, body, at = bytes(content[found : found + 4]), found + 8, found + 4
        if name == b"mvhd":
            clock = struct.unpack_from(">I", content, body + 8)[0]
            struct.pack_into(">I", content, body + 12, round((end - start) * clock))
        else:  # the last entry; the track's clock stands in its mdhd, which follows
            last = body + 4 + 12 * (struct.unpack_from(">I", content, body)[0] - 1)
            track_clock = struct.unpack_from(">I", content, content.index(b"mdhd", found) + 16)[0]
            moved = struct.unpack_from(">i", content, last + 4)[0] + round(start * track_clock)
            struct.pack_into(">Ii", content, last, round((end - start) * clock), moved)
    path.write_bytes(content)


def saved(image: Image.Image, kind: str, **options) -> bytes:
    """A picture as Pillow writes it."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
