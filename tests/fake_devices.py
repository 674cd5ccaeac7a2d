"""A fake camera and microphone for Chromium: a real face and voice from the sample clip, and stretches in
which there is nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from mmer_core.config import ROOT

SAMPLE = ROOT / "samples" / "speech.mp4"
RATE = 10  # pictures per second; enough for a test, and easy on the machine
SIZE = (320, 240)
#: The streams that the page has got are put where the test can end them, as a camera that is unplugged does.
REMEMBER_STREAMS = """
  window.streams = [];
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.streams.push(stream);
    return stream;
  };
"""
UNPLUG_CAMERA = (
    "window.streams.flatMap(s => s.getVideoTracks()).forEach(t => { t.stop(); "
    "t.dispatchEvent(new Event('ended')); })"
)


def write_camera(
    path: Path, *, face: float, nothing: float = 0.0, mark: Callable[[np.ndarray, int], None] | None = None
) -> Path:
    """A raw MJPEG file: `face` seconds of the sample's picture, then `nothing` seconds of plain grey;
    Chromium repeats it.

    Args:
        mark: draws on a picture (H, W, 3) uint8 RGB that is the n-th, counted from 0.
    """
    with av.open(str(SAMPLE)) as source, av.open(str(path), "w", format="mjpeg") as target:
        stream = target.add_stream("mjpeg", rate=RATE, width=SIZE[0], height=SIZE[1], pix_fmt="yuvj420p")
        wanted, count = 0.0, 0
        for frame in source.decode(video=0):
            if frame.time is None or frame.time < wanted or count >= face * RATE:
                continue
            picture = frame.reformat(*SIZE, format="rgb24").to_ndarray()
            if mark is not None:
                mark(picture, count)
            shown = av.VideoFrame.from_ndarray(picture, format="rgb24")
            target.mux(
                stream.encode(_timed(shown.reformat(format="yuvj420p", dst_color_range="JPEG"), count))
            )
            wanted, count = wanted + 1 / RATE, count + 1
        for _ in range(round(nothing * RATE)):
            grey = av.VideoFrame.from_ndarray(np.full((SIZE[1], SIZE[0], 3), 96, np.uint8), format="rgb24")
            target.mux(stream.encode(_timed(grey.reformat(format="yuvj420p", dst_color_range="JPEG"), count)))
            count += 1
        target.mux(stream.encode(None))
    return path


def _timed(frame: av.VideoFrame, count: int) -> av.VideoFrame:
    frame.pts, frame.time_base = count, Fraction(1, RATE)
    return frame


def write_microphone(path: Path) -> Path:
    """A WAV file with the sample's voice; Chromium repeats it."""
    with av.open(str(SAMPLE)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("pcm_s16le", rate=48_000, layout="mono")
        resampler = av.AudioResampler("s16", "mono", 48_000)
        for frame in source.decode(audio=0):
            for part in resampler.resample(frame):
                part.pts = None
                target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    return path


def arguments(
    camera: Path, microphone: Path, *, without_camera: bool = False, refuse: bool = False
) -> list[str]:
    """Chromium's switches for these files.

    Args:
        without_camera: there is only the microphone.
        refuse: every question for permission is answered with no.
    """
    return [
        "--no-sandbox",
        f"--use-fake-ui-for-media-stream{'=deny' if refuse else ''}",
        *(["--use-fake-device-for-media-stream=device-count=0"] if without_camera else []),
        *(
            []
            if without_camera
            else ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
        ),
        f"--use-file-for-fake-audio-capture={microphone}",
    ]
