"""Files that are made to do harm, or that are merely unusual: bombs, lies, polyglots, and every extreme that
a container can state.
"""

from __future__ import annotations

import io
import struct
import wave
import zipfile
import zlib
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import av
import media_factory as make
import numpy as np
from fuzz import seeds
from PIL import Image

HOUR = 3600


def _box(name: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def _stated(content: bytes, name: bytes, offset: int, value: bytes) -> bytes:
    """The file with other bytes at an offset from the name of a part of its header."""
    changed = bytearray(content)
    at = content.index(name) + offset
    changed[at : at + len(value)] = value
    return bytes(changed)


def _flat(side: int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (side, side))


def _png_flat(width: int, height: int) -> bytes:
    """A whole black PNG of one bit a pixel: 50 million pixels in 6 kB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = zlib.compress(bytes((1 + (width + 7) // 8) * height), 9)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _png_text_bomb() -> bytes:
    """A small picture with 100 MB of compressed text."""
    png, body = seeds.seed("png"), b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    return png[:33] + chunk + png[33:]


def _moving_flat(kind: str, side: int, count: int) -> bytes:
    frames = [_flat(side, "L") for _ in range(count)]
    for number, frame in enumerate(frames):
        frame.putpixel((number, 0), 255)
    return make.saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=20)


def _zip_bomb(name: str = "a.txt") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr(name, bytes(200_000_000))
    return buffer.getvalue()


def _npz_bomb() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, features=np.zeros(50_000_000, np.float32))
    return buffer.getvalue()


def _streams(kind: str, count: int, codec: str) -> bytes:
    """A container with so many streams of sound, each with one packet."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as out:
        streams = [out.add_stream(codec, rate=16_000, layout="mono") for _ in range(count)]
        for stream in streams:
            stream.bit_rate = 32_000
        out.start_encoding()
        for stream in streams:
            packet = av.Packet(b"\x80" * 80)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 16_000)
            out.mux(packet)
    return buffer.getvalue()


def _tracks(count: int) -> bytes:
    """An mp4 whose only track is written so many times."""
    content = seeds.recording("mp4", "", "aac")
    moov = content.index(b"moov") - 4
    size = int.from_bytes(content[moov : moov + 4], "big")
    track = content.index(b"trak", moov) - 4
    length = int.from_bytes(content[track : track + 4], "big")
    copies = content[track : track + length] * count
    inside = content[moov + 8 : track] + copies + content[track + length : moov + size]
    return content[:moov] + _box(b"moov", inside) + content[moov + size :]


def _silence(hours: float) -> bytes:
    """Silence of so many hours as FLAC, whose frames of silence take 14 bytes."""
    buffer = io.BytesIO()
    rate, block = 8_000, 65_536
    with av.open(buffer, "w", format="flac") as out:
        stream = out.add_stream("flac", rate=rate, layout="mono", options={"compression_level": "0"})
        frame = av.AudioFrame.from_ndarray(np.zeros((1, block), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        for start in range(0, round(hours * HOUR * rate), block):
            frame.pts = start
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


def _subtitles(count: int) -> bytes:
    """A video with so many subtitles, one of them of a megabyte, and an attached font."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as out:
        video = out.add_stream("mjpeg", rate=1, width=64, height=48, pix_fmt="yuvj420p")
        words = out.add_stream("ass")
        words.codec_context.subtitle_header = b"[Script Info]\nScriptType: v4.00+\n[Events]\n"
        out.add_attachment("font.ttf", "font/ttf", bytes(100_000))
        out.start_encoding()
        for number in range(count):
            for stream, body in (
                (video, make.picture_bytes("jpg")),
                (words, b"0,0,Default,,0,0,0,," + b"x" * (10**6 if number == 1 else 20)),
            ):
                packet = av.Packet(body)
                packet.stream, packet.pts, packet.dts = stream, number, number
                packet.time_base, packet.duration = Fraction(1), 1
                out.mux(packet)
    return buffer.getvalue()


def _no_packets(kind: str) -> bytes:
    """A container that announces sound and pictures and has none."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=kind) as out:
        out.add_stream("mjpeg", rate=1, width=64, height=48, pix_fmt="yuvj420p")
        out.add_stream("pcm_s16le", rate=8_000, layout="mono")
        out.start_encoding()
    return buffer.getvalue()


def _wav(channels: int, rate: int, stated: int) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(bytes(2 * channels * 100))
    return _stated(buffer.getvalue(), b"data", 4, struct.pack("<I", stated))


def _turned(matrix: tuple[int, int, int, int]) -> bytes:
    a, b, c, d = (value % 2**32 for value in matrix)
    whole = struct.pack(">9I", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    return _stated(seeds.recording("mp4", "libx264", ""), b"tkhd", 44, whole)


def _large_video(width: int, height: int) -> bytes:
    fast = {"preset": "ultrafast", "x264-params": "log-level=error"}
    return seeds.recording("mp4", "libx264", "", size=(width, height), times=[0.0, 0.1], tuning=fast)


def _zip_of(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../../evil.py", "raise SystemExit")
        archive.writestr("a.mp4", content)
    return buffer.getvalue()


HTML = b"<!doctype html><html><script>alert(1)</script>"
#: name -> the file
HOSTILE: dict[str, Callable[[], bytes]] = {
    "png of 60000 x 60000": lambda: make.png_bomb(60_000, 60_000),
    "png bomb within the limit": lambda: _png_flat(7_070, 7_070),
    "png bomb over the limit": lambda: _png_flat(20_000, 20_000),
    "png with a bomb of text": _png_text_bomb,
    "webp bomb": lambda: make.saved(_flat(7_000), "WEBP", lossless=True, method=0),
    "webp bomb over the limit": lambda: _stated(
        seeds.seed("webp"), b"VP8 ", 14, struct.pack("<HH", 16_383, 16_383)
    ),
    "avif bomb": lambda: make.saved(_flat(4_000), "AVIF", speed=10, max_threads=1),
    "avif of 65535 x 65535": lambda: _stated(
        seeds.seed("avif"), b"ispe", 8, struct.pack(">II", 65_535, 65_535)
    ),
    "heic of 65535 x 65535": lambda: _stated(
        seeds.seed("heic"), b"ispe", 8, struct.pack(">II", 65_535, 65_535)
    ),
    "jpeg of 65500 x 65500": lambda: _stated(
        seeds.seed("jpeg"), b"\xff\xc0", 5, struct.pack(">HH", 65_500, 65_500)
    ),
    "gif bomb": lambda: _moving_flat("GIF", 2_000, 60),
    "apng bomb": lambda: _moving_flat("PNG", 2_000, 60),
    "webp moving bomb": lambda: _moving_flat("WEBP", 1_000, 60),
    "bmp of 2^31 x 2^31": lambda: _stated(
        seeds.seed("bmp"), b"BM", 18, struct.pack("<ii", 2**31 - 1, -(2**31))
    ),
    "zip bomb": _zip_bomb,
    "npz bomb": _npz_bomb,
    "zip and jpeg": lambda: seeds.seed("jpeg") + _zip_of(b""),
    "zip in front of jpeg": lambda: _zip_of(seeds.seed("jpeg")) + seeds.seed("jpeg"),
    "html and mp4": lambda: _box(b"free", HTML) + seeds.seed("mp4 h264 aac in fragments"),
    "html in front of mp4": lambda: HTML + seeds.seed("mp4 h264 aac"),
    "gif and html": lambda: seeds.seed("gif") + HTML,
    "wav and mp3": lambda: seeds.seed("wav pcm 16") + seeds.seed("mp3"),
    "jpeg and mp4": lambda: seeds.seed("jpeg") + seeds.seed("mp4 h264 aac"),
    "mkv of 1000 streams": lambda: _streams("matroska", 1_000, "pcm_s16le"),
    "mov of 900 tracks": lambda: _tracks(900),
    "mov of 3000 tracks": lambda: _tracks(3_000),
    "mpegts of 200 streams": lambda: _streams("mpegts", 200, "mp2"),
    "mkv with subtitles": lambda: _subtitles(200),
    "mkv without packets": lambda: _no_packets("matroska"),
    "avi without packets": lambda: _no_packets("avi"),
    "mov without packets": lambda: _no_packets("mov"),
    "silence of 3 hours": lambda: _silence(3),
    "two pictures in 20 hours": lambda: seeds.recording("matroska", "libx264", "", times=[0.0, 20.0 * HOUR]),
    "pictures at odd times": lambda: seeds.recording(
        "mp4", "libx264", "aac", times=[0.0, 0.1, 0.2, 5.0, 5.1, 30.0, 30.1, 95.0]
    ),
    "wav that states 4 GB": lambda: _wav(1, 16_000, 2**32 - 1),
    "wav of 65535 channels": lambda: _stated(_wav(1, 16_000, 200), b"fmt ", 10, b"\xff\xff"),
    "wav of 4 GHz": lambda: _stated(_wav(1, 16_000, 200), b"fmt ", 12, b"\xff\xff\xff\xff"),
    "mp4 turned by 90": lambda: _turned((0, 65_536, -65_536, 0)),
    "mp4 with a mad matrix": lambda: _turned((2**31 - 1, -(2**31), 1, -1)),
    "mp4 of 49 megapixels": lambda: _large_video(8_192, 5_984),
    "mp4 of 4096 x 2160": lambda: _large_video(4_096, 2_160),
}


@cache
def hostile(name: str) -> bytes:
    """The file of this name."""
    return HOSTILE[name]()
