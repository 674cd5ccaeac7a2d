"""Take the pictures in docs/images again: `python docs/screenshots.py [RUN]`. Needs Chromium and
requirements-dev.txt; starts the app by itself. With the folder of a run that has a model, that model reads a
clip, too.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import fake_devices  # noqa: E402
from browser.ports import free_port  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SHIPPED = ROOT / "checkpoints" / "runs"
#: {name: (address, pixels shown at 1280, pixels shown at 390)}; Analyze is taken with an answer on it.
PAGES = {
    "results": ("/results?run=ravdess-8-crossmodal", 1640, 1900),
    "comparison": ("/results?run=ravdess-8-crossmodal,ravdess-8-early,ravdess-8-late_mean", 1640, 1900),
    "ablation": ("/ablation?run=ravdess-8-ensemble", 1640, 1900),
    "train": ("/train", 1640, 1900),
    "live": ("/live", 1240, 1500),
    "about": ("/about", 1640, 1900),
}


def main(run: Path | None) -> None:
    """Take all pictures, or only that of the model of a run."""
    with tempfile.TemporaryDirectory() as folder:
        take(run, Path(folder))


def take(run: Path | None, temporary: Path) -> None:
    """See `main`; what is only for the pictures lies in a temporary folder."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py"]
    command += [f"--server.port={port}", "--server.headless=true"]
    # made-up features are written beside the runs; a browser without a screen counts as a visitor
    place = shutil.copytree(SHIPPED, temporary / "runs") if run is None else run.resolve().parent
    own = {"MMER_RUNS": str(place), "MMER_TRUST_VISITORS": "1"}
    server = subprocess.Popen(command, cwd=ROOT, env=os.environ | own)
    IMAGES.mkdir(parents=True, exist_ok=True)
    try:
        wait_until_up(address)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", *devices(temporary)]
            )
            if run is None:
                take_all(browser, address)
            else:
                take_trained(browser, address, run.name)
            browser.close()
    finally:
        server.terminate()


def devices(folder: Path) -> list[str]:
    """Flags for a camera that shows the sample's picture and a microphone that hears its sound."""
    fake_devices.SIZE = (640, 480)
    return fake_devices.arguments(
        fake_devices.write_camera(folder / "c.mjpeg", face=8), fake_devices.write_microphone(folder / "m.wav")
    )


#: The fake camera's name is the path of its file.
NAME_DEVICES = """
const given = MediaDevices.prototype.enumerateDevices;
const names = { videoinput: "Camera", audioinput: "Microphone" };
MediaDevices.prototype.enumerateDevices = async function () {
  return (await given.call(this)).map((found) => {
    const { deviceId, groupId, kind } = found;
    return { deviceId, groupId, kind, label: found.label && (names[kind] || found.label) };
  });
};
"""


def take_trained(browser: Browser, address: str, name: str) -> None:
    """The sample read by the model of a run."""
    page = open_page(browser, f"{address}/results?run={name}", 1280, "light")
    page.get_by_role("button", name="Use this model").click()
    page.get_by_role("link", name="Read a clip with it").click()
    page.get_by_text("Model in use:").wait_for()
    page.get_by_text("The model is loading").wait_for(state="detached")
    answer_sample(page, shipped=False)
    save(page, "analyze-trained.png", 2100)


def take_all(browser: Browser, address: str) -> None:
    page = open_page(browser, address, 1280, "light")
    save(page, "analyze-empty.png", 560)
    answer_sample(page)
    save(page, "analyze.png", 2100)
    page.get_by_text("Voice", exact=True).first.click()
    page.get_by_text("Switched off above").wait_for()
    save(page, "analyze-without-voice.png", 1100)
    phone = open_page(browser, address, 390, "dark")
    answer_sample(phone)
    save(phone, "analyze-phone.png", 1900)
    for name, (path, height, phone_height) in PAGES.items():
        for width, shown, end in ((1280, height, ""), (390, phone_height, "-phone")):
            scheme = "dark" if name == "about" and width == 1280 else "light"
            page = open_page(browser, f"{address}{path}", width, scheme)
            if name == "train":
                page.get_by_role("button", name="Try it on made-up features").click()
                page.get_by_role("button", name="Start training").wait_for()
            elif name == "live":
                page.locator("button.go:enabled").click()
                page.get_by_text("pictures per second · face read").wait_for()
                page.wait_for_timeout(8000)  # until the words are heard, too
            elif name != "about":
                page.locator(".js-plotly-plot").first.wait_for()
            save(page, f"{name}{end}.png", shown)
            page.context.close()


def wait_until_up(address: str) -> None:
    while True:
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.2)


def open_page(browser: Browser, address: str, width: int, scheme: str) -> Page:
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    page.set_default_timeout(120_000)
    page.add_init_script(NAME_DEVICES)
    page.goto(address)
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_text("The model is loading").wait_for(state="detached")
    return page


def answer_sample(page: Page, shipped: bool = True) -> None:
    """The sample with three modalities, read by the model; the shipped one shows its answer first."""
    page.get_by_role("button", name="Two people, one speaks").click()
    if shipped:
        page.get_by_role("button", name="Read it on this computer").click()
    page.get_by_text("Where they disagree").wait_for()


def save(page: Page, name: str, height: int) -> None:
    """The upper `height` pixels of the page, once everything on it has settled."""
    page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    page.mouse.move(2, height / 2)
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")  # a phone goes to the answer
    page.locator("[data-test-script-state='notRunning']").wait_for()
    page.wait_for_function("() => !document.querySelector('[data-testid=stSkeleton]')")
    page.wait_for_timeout(2500)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    for video in page.locator("video").all():
        # Four bits a colour: the noise of film is most of a picture's size.
        box = video.bounding_box()
        corner = round(box["x"]), round(box["y"])
        part = picture.crop((*corner, corner[0] + round(box["width"]), corner[1] + round(box["height"])))
        picture.paste(part.point(lambda value: value & 0xF0 | 7), corner)
    picture.save(IMAGES / name, optimize=True)
    print(f"{name}: {(IMAGES / name).stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
