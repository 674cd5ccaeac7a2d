"""Delay, pictures per second and memory of live reading: `python benchmarks/live.py [--seconds 60]`.

The clip (the sample by default) is fed at its own speed, again and again, as a camera and a microphone would:
24 pictures of 640x480 per second, sound in pieces of 20 ms. Every picture is read, drawn on, and coded and
decoded as for the browser (VP8, as WebRTC does). Delay of the face: from a picture's arrival to the answer
that includes it. Delay of the voice: from the arrival of a sound that is just too late for one window to the
answer from the next. Memory: resident set, at the start of each tenth of the run.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import statistics
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

if TYPE_CHECKING:
    from mmer_core.inference.live import LiveWorkers

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
RATE = 24  # pictures per second
SIZE = (640, 480)
PAGE = 4096
TENTHS = 10  # of the run, after each of which memory is looked at


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clip", type=Path, nargs="?", default=ROOT / "samples" / "speech.mp4")
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    measure(args.clip, args.seconds)


def measure(clip: Path, seconds: float) -> None:
    """Feed the clip to the workers and print the figures."""
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.live import LiveReader, LiveWorkers

    model = EmotionModel.load()
    model.warm_up()
    pictures, sound = media(clip)
    workers = LiveWorkers(LiveReader(model))
    microphone = threading.Thread(target=play, args=(workers, sound, seconds), daemon=True)
    used = resource.getrusage(resource.RUSAGE_SELF)
    microphone.start()
    show(workers, pictures, seconds)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    busy = spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime
    print(f"processor                    {100 * busy / seconds:6.0f} % of one core")
    name, content = workers.reader.keep() or ("nothing", b"")
    print(f"kept                         {name}, {len(content) / 1e6:.1f} MB")
    workers.stop()


def show(workers: LiveWorkers, pictures: list[bytes], seconds: float) -> None:
    """Show the pictures, each when it is due, and print rate, delays and memory."""
    from ui.live.picture import draw

    coder = Coder()
    began = time.monotonic()
    shown, face, voice, memory, answers = 0, set(), set(), [], 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(passed * RATE)
        if due < shown:
            time.sleep(max(0.0, shown / RATE - passed))
            continue
        picture = coder.decoded(pictures[due % len(pictures)])
        workers.add_picture(picture)
        moment = workers.now()
        coder.coded(draw(picture, moment.faces, moment.prediction, workers.reader.model.unsure_below))
        shown = due + 1  # what came in the meantime is dropped, as from a camera
        answers += 1
        face.add(moment.visual_delay)
        voice.add(moment.audio_delay)
        if passed >= len(memory) * seconds / TENTHS:
            memory.append(resident())
    memory.append(resident())
    print(f"pictures shown per second    {answers / seconds:6.1f}  (of {RATE} that came)")
    print(f"faces read per second        {len(face) / seconds:6.1f}")
    report("picture to face label", face)
    report("sound to voice label", voice)
    print("resident memory, MB          " + " ".join(f"{m:.0f}" for m in memory))


def report(name: str, delays: set[float]) -> None:
    """Print median, 95th percentile and maximum of some delays in seconds; NaN are left out."""
    known = sorted(d for d in delays if not math.isnan(d))
    if known:
        late = known[int(0.95 * (len(known) - 1))]
        print(
            f"{name:29}{statistics.median(known):6.2f} s median, {late:.2f} s 95th percentile, "
            f"{known[-1]:.2f} s longest"
        )


def media(clip: Path) -> tuple[list[bytes], np.ndarray]:
    """The clip's pictures at `RATE` and `SIZE`, coded as JPEG in the place of VP8 packets, and its sound:
    (N,) float32, 16 kHz, mono.
    """
    pictures: list[bytes] = []
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            while frame.time is not None and len(pictures) / RATE <= frame.time:
                pictures.append(
                    cv2.imencode(".jpg", frame.reformat(*SIZE, format="bgr24").to_ndarray())[1].tobytes()
                )
    parts = []
    with av.open(str(clip)) as container:
        resampler = av.AudioResampler("fltp", "mono", 16_000)
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    return pictures, np.concatenate(parts)


def play(workers: LiveWorkers, sound: np.ndarray, seconds: float) -> None:
    """Give the sound to the workers in pieces of 20 ms, each when it is due."""
    began, step, sent = time.monotonic(), 320, 0
    while (passed := time.monotonic() - began) < seconds:
        while sent * step / 16_000 <= passed:
            start = sent * step % (len(sound) - step)
            workers.add_sound(sound[start : start + step])
            sent += 1
        time.sleep(0.02)


class Coder:
    """The connection's own work: decode each picture, and code the drawn one as VP8 in real time."""

    def __init__(self) -> None:
        from aiortc.codecs.vpx import Vp8Encoder

        self._encoder = Vp8Encoder()
        self._count = 0

    def decoded(self, coded: bytes) -> np.ndarray:
        return cv2.cvtColor(cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def coded(self, picture: np.ndarray) -> None:
        from fractions import Fraction

        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._count * 90_000 // RATE, Fraction(1, 90_000)
        self._count += 1
        self._encoder.encode(frame)


def resident(process: int | str = "self") -> float:
    """Megabytes of memory that a process uses now (Linux), or this one at most so far."""
    statm = Path(f"/proc/{process}/statm")
    return (
        int(statm.read_text().split()[1]) * PAGE / 1e6
        if statm.exists()
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    )


if __name__ == "__main__":
    main()
