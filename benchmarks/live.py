"""Delay, pictures per second and memory of the live reading: `python benchmarks/live.py [--seconds 60] [--browser]`.

The clip (the sample by default) is fed at its own speed, again and again, as a camera and a microphone would: 24 pictures of 640x480 per second,
sound in pieces of 20 ms. Every picture is read, drawn on, and coded and decoded as for the browser (VP8, as WebRTC does).
Delay of the face: from a picture's arrival to the answer that includes it. Delay of the voice: from the arrival of a sound that is just too late for
one window to the answer from the next. Memory: resident set, at the start of each tenth of the run.

With --browser the whole app runs, and a headless Chromium with the clip as its fake camera tells how many pictures per second it shows, and how long
after the camera gave a picture it is on the screen again with box and emotion: every picture carries its number as a row of black and white fields.
Memory is then that of the app's process. Chromium takes most of a core for itself.
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

import av
import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
RATE = 24  # pictures per second
SIZE = (640, 480)
PAGE = 4096
TENTHS = 10  # of the run, after each of which memory is looked at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path, nargs="?", default=ROOT / "samples" / "speech.mp4")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--browser", action="store_true", help="run the app and a headless Chromium as well")
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    if args.browser:
        in_browser(args.seconds)
    else:
        in_process(args.clip, args.seconds)


def in_process(clip: Path, seconds: float) -> None:
    """Feed the clip to the workers and print what it took."""
    from mmer_core.live import LiveReader, LiveWorkers
    from mmer_core.predictor import Predictor
    from ui.live.picture import draw

    predictor = Predictor.load()
    predictor.warm_up()
    pictures, sound = media(clip)
    workers = LiveWorkers(LiveReader(predictor))
    ear = threading.Thread(target=play, args=(workers, sound, seconds), daemon=True)
    coder = Coder()
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    ear.start()
    shown, face, voice, memory, answers = 0, set(), set(), [], 0
    while (passed := time.monotonic() - began) < seconds:
        due = int(passed * RATE)
        if due < shown:
            time.sleep(max(0.0, shown / RATE - passed))
            continue
        picture = coder.decoded(pictures[due % len(pictures)])
        workers.see(picture)
        moment = workers.now()
        coder.coded(draw(picture, moment))
        shown = due + 1  # what came in the meantime is dropped, as from a camera
        answers += 1
        face.add(moment.face_delay)
        voice.add(moment.voice_delay)
        if passed >= len(memory) * seconds / TENTHS:
            memory.append(resident())
    memory.append(resident())
    spent = resource.getrusage(resource.RUSAGE_SELF)
    busy = spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime
    print(f"pictures shown per second    {answers / seconds:6.1f}  (of {RATE} that came)")
    print(f"faces read per second        {len(face) / seconds:6.1f}")
    report("picture to face label", face)
    report("sound to voice label", voice)
    print(f"processor                    {100 * busy / seconds:6.0f} % of one core")
    print("resident memory, MB          " + " ".join(f"{m:.0f}" for m in memory))
    name, content = workers.reader.keep() or ("nothing", b"")
    print(f"kept                         {name}, {len(content) / 1e6:.1f} MB")
    workers.stop()


def report(name: str, delays: set[float]) -> None:
    known = sorted(d for d in delays if not math.isnan(d))
    if known:
        late = known[int(0.95 * (len(known) - 1))]
        print(f"{name:29}{statistics.median(known):6.2f} s median, {late:.2f} s 95th percentile, {known[-1]:.2f} s longest")


def media(clip: Path) -> tuple[list[bytes], np.ndarray]:
    """The clip's pictures at `RATE` and `SIZE`, coded as VP8 packets are (here: JPEG, decoded anew each time), and its sound at 48 kHz."""
    pictures: list[bytes] = []
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            while frame.time is not None and len(pictures) / RATE <= frame.time:
                pictures.append(cv2.imencode(".jpg", frame.reformat(*SIZE, format="bgr24").to_ndarray())[1].tobytes())
    parts = []
    with av.open(str(clip)) as container:
        resampler = av.AudioResampler("fltp", "mono", 16_000)
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    return pictures, np.concatenate(parts)


def play(workers, sound: np.ndarray, seconds: float) -> None:
    """The sound in pieces of 20 ms, each when it is due."""
    began, step, sent = time.monotonic(), 320, 0
    while (passed := time.monotonic() - began) < seconds:
        while sent * step / 16_000 <= passed:
            start = sent * step % (len(sound) - step)
            workers.hear(sound[start : start + step])
            sent += 1
        time.sleep(0.02)


class Coder:
    """What the connection does besides: decode each picture, and code the drawn one as VP8 in real time."""

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
    return int(statm.read_text().split()[1]) * PAGE / 1e6 if statm.exists() else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def in_browser(seconds: float) -> None:
    """Run the app, open the Live page in Chromium, and print what the page says of itself and how many pictures the browser shows."""
    import shutil
    import subprocess
    import tempfile

    import fake_devices
    from playwright.sync_api import sync_playwright

    fake_devices.RATE, fake_devices.SIZE = RATE, SIZE
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port=8597", "--server.headless=true"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(10)
            files = fake_devices.write_camera(Path(folder) / "c.mjpeg", face=8, mark=number), fake_devices.write_microphone(Path(folder) / "m.wav")
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=fake_devices.arguments(*files))
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.add_init_script(fake_devices.REMEMBER_STREAMS)
            page.goto("http://localhost:8597/live")
            page.locator("button.go:enabled").click()
            video = page.frame_locator("iframe[title*=webrtc]").locator("video").first
            page.get_by_text("pictures per second · face read").wait_for()
            before = shown_by(video)
            video.evaluate(WATCH)
            memory = [resident(server.pid)]
            for _ in range(TENTHS):
                page.wait_for_timeout(1000 * seconds / TENTHS)
                memory.append(resident(server.pid))
                print(page.get_by_text("pictures per second").inner_text(), flush=True)
            print(f"shown by the browser         {(shown_by(video) - before) / seconds:6.1f} per second")
            print("resident memory, MB          " + " ".join(f"{m:.0f}" for m in memory))
            delays = [milliseconds / 1000 for milliseconds in video.evaluate("() => window.delays")]
            report("camera to screen", set(delays))
            browser.close()
        finally:
            server.terminate()
            server.wait(10)


def number(picture: np.ndarray, count: int) -> None:
    """Write the count, modulo 256, along the lower edge: two fields that tell left from right, then eight bits, the highest first."""
    bits = [1, 0, *(count >> (7 - i) & 1 for i in range(8))]
    height, width = picture.shape[0] // 8, picture.shape[1] // len(bits)
    for i, bit in enumerate(bits):
        picture[-height:, i * width : (i + 1) * width] = 235 if bit else 20


#: In the frame that streams: note when the camera's own pictures and the app's come by, and how far a number's two times lie apart.
WATCH = """shown => {
  window.delays = [];
  const given = {};
  const canvas = document.createElement("canvas");
  canvas.width = 100; canvas.height = 8;
  const draw = canvas.getContext("2d", { willReadFrequently: true });
  const read = (video, mirrored) => {
    draw.drawImage(video, 0, video.videoHeight * 15 / 16, video.videoWidth, video.videoHeight / 32, 0, 0, 100, 8);
    const grey = draw.getImageData(0, 4, 100, 1).data;
    let bits = [...Array(10).keys()].map((i) => (grey[4 * (10 * i + 5) + 1] > 128 ? 1 : 0));
    if (mirrored) bits = bits.reverse();
    return bits[0] === 1 && bits[1] === 0 ? bits.slice(2).reduce((sum, bit) => 2 * sum + bit, 0) : null;
  };
  const follow = (video, see) => {
    const next = (now) => { see(now); video.requestVideoFrameCallback(next); };
    video.requestVideoFrameCallback(next);
  };
  const camera = document.createElement("video");
  camera.muted = true;
  camera.srcObject = new MediaStream(window.streams.at(-1).getVideoTracks());
  document.body.append(camera);
  camera.style = "position:fixed;width:2px;height:2px";
  camera.play();
  follow(camera, (now) => { const n = read(camera, false); if (n !== null) given[n] = now; });
  follow(shown, (now) => {
    const n = read(shown, true);
    if (n !== null && given[n] && now - given[n] < 5000) { window.delays.push(now - given[n]); delete given[n]; }
  });
}"""


def shown_by(video) -> int:
    return video.evaluate("v => v.getVideoPlaybackQuality().totalVideoFrames")


if __name__ == "__main__":
    main()
