"""Delay, pictures per second and memory of the Live page: `python benchmarks/live_browser.py [--seconds 60]`.

The whole app runs, and a headless Chromium with the sample clip as its fake camera counts the pictures that
it shows per second, and how long after the camera gave a picture it is on the screen again with box and
emotion: every picture carries its number as a row of black and white fields. Memory is that of the app's
process. Chromium takes most of a core for itself.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Locator

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from benchmarks.live import RATE, SIZE, TENTHS, report, resident  # noqa: E402

ADDRESS = "http://localhost:8597"
APP = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port=8597", "--server.headless=true"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}")
    server = subprocess.Popen(APP, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(10)
        measure(server.pid, args.seconds)
    finally:
        server.terminate()
        server.wait(10)


def measure(process: int, seconds: float) -> None:
    """Open the Live page of the running app and print the figures."""
    import fake_devices
    from playwright.sync_api import sync_playwright

    fake_devices.RATE, fake_devices.SIZE = RATE, SIZE
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        files = (
            fake_devices.write_camera(Path(folder) / "c.mjpeg", face=8, mark=number),
            fake_devices.write_microphone(Path(folder) / "m.wav"),
        )
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=fake_devices.arguments(*files)
        )
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.add_init_script(fake_devices.REMEMBER_STREAMS)
        page.goto(f"{ADDRESS}/live")
        page.locator("button.go:enabled").click()
        video = page.frame_locator("iframe[title*=webrtc]").locator("video").first
        page.get_by_text("pictures per second · face read").wait_for()
        before = shown_by(video)
        video.evaluate(WATCH)
        memory = [resident(process)]
        for _ in range(TENTHS):
            page.wait_for_timeout(1000 * seconds / TENTHS)
            memory.append(resident(process))
            print(page.get_by_text("pictures per second").inner_text(), flush=True)
        print(f"shown by the browser         {(shown_by(video) - before) / seconds:6.1f} per second")
        print("resident memory, MB          " + " ".join(f"{m:.0f}" for m in memory))
        report("camera to screen", {delay / 1000 for delay in video.evaluate("() => window.delays")})
        browser.close()


def number(picture: np.ndarray, count: int) -> None:
    """Write the count, modulo 256, along the lower edge: two fields that tell left from right, then eight
    bits, the highest first.
    """
    bits = [1, 0, *(count >> (7 - i) & 1 for i in range(8))]
    height, width = picture.shape[0] // 8, picture.shape[1] // len(bits)
    for i, bit in enumerate(bits):
        picture[-height:, i * width : (i + 1) * width] = 235 if bit else 20


#: In the frame that streams: note when the camera's own pictures and the app's come by, and how far a
#: number's two times lie apart. The clip, and with it the numbers, begins anew after 3.5 s.
WATCH = """shown => {
  window.delays = [];
  const given = {};
  const canvas = document.createElement("canvas");
  canvas.width = 100; canvas.height = 8;
  const draw = canvas.getContext("2d", { willReadFrequently: true });
  const read = (video, mirrored) => {
    const height = video.videoHeight;
    draw.drawImage(video, 0, height * 15 / 16, video.videoWidth, height / 32, 0, 0, 100, 8);
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
    if (n !== null && given[n] && now - given[n] < 2000) {
      window.delays.push(now - given[n]);
      delete given[n];
    }
  });
}"""


def shown_by(video: Locator) -> int:
    """Pictures that the video element has shown so far."""
    return video.evaluate("v => v.getVideoPlaybackQuality().totalVideoFrames")


if __name__ == "__main__":
    main()
