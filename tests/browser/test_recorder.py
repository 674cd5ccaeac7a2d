"""Recording in a real browser with a fake camera and microphone that show a real face and voice: to the
answer, and what is said when it can't be.
"""

from __future__ import annotations

import pytest
from fake_devices import UNPLUG_CAMERA, write_camera, write_microphone
from playwright.sync_api import expect

from ui.analyze.recorder import WAYS

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    return write_camera(folder / "camera.mjpeg", face=8), write_microphone(folder / "microphone.wav")


@pytest.fixture
def open_recorder(open_with_devices, app_url, files):
    """A function that opens the recorder in a browser with the fake devices asked for; it ends with the test,
    since its camera runs.
    """
    pages = []

    def open_(way: str, **devices):
        page = open_with_devices(app_url, files, **devices)
        pages.append(page)
        page.get_by_role("button", name="Open the recorder").click()
        page.get_by_text(way, exact=True).click()
        page.get_by_text(WAYS[way.lower()][1]).wait_for()
        page.get_by_role("button", name="Start camera" if way != "Sound" else "Start microphone").click()
        return page

    yield open_
    for page in pages:
        page.context.browser.close()


def record(page, seconds: float) -> None:
    """From the preview to the answer."""
    page.get_by_role("button", name="Record", exact=True).click()
    page.locator("[data-phase=counting]").wait_for()
    page.locator("[data-phase=recording]").wait_for()
    page.wait_for_timeout(1000 * seconds)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.locator("[data-phase=review]").wait_for()
    page.get_by_role("button", name="Use this recording").click()
    page.locator(".mmer-answer").wait_for()
    page.get_by_role("button", name="Download JSON").wait_for()


def verdict(page, modality: str):
    """The text beside the modality's name on its card."""
    return page.locator(".mmer-modality", has=page.get_by_role("heading", name=modality, exact=True)).last


def test_a_recorded_clip_is_analysed_with_face_and_voice(open_recorder):
    page = open_recorder("Video")
    page.locator("[data-phase=ready]").wait_for()
    record(page, seconds=6)
    page.get_by_text("recording.webm").wait_for()
    expect(verdict(page, "Face")).to_contain_text("%")
    expect(verdict(page, "Voice")).to_contain_text("%")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_photo_is_analysed_by_its_face(open_recorder):
    page = open_recorder("Photo")
    page.get_by_role("button", name="Take the picture").click()
    page.get_by_role("button", name="Retake").click()
    page.wait_for_timeout(1000)
    page.get_by_role("button", name="Take the picture").click()
    page.get_by_role("button", name="Use this picture").click()
    page.locator(".mmer-answer").wait_for()
    expect(verdict(page, "Face")).to_contain_text("%")
    expect(verdict(page, "Voice")).to_contain_text("not used")


def test_without_a_camera_the_sound_goes_on_alone(open_recorder):
    page = open_recorder("Video", without_camera=True)
    expect(page.get_by_role("alert").filter(has_text="No camera was found")).to_contain_text(
        "The sound goes on alone."
    )
    record(page, seconds=4)
    expect(verdict(page, "Voice")).to_contain_text("%")
    expect(verdict(page, "Face")).to_contain_text("not used")


def test_a_refused_permission_is_said_plainly(open_recorder):
    page = open_recorder("Video", refuse=True)
    alert = page.get_by_role("alert").filter(has_text="not allowed")
    expect(alert).to_contain_text("The camera was not allowed")
    expect(alert).to_contain_text("The microphone was not allowed")
    expect(page.get_by_role("button", name="Start camera")).to_be_enabled()


def test_a_camera_taken_away_while_recording_leaves_the_sound(open_recorder):
    page = open_recorder("Video")
    page.get_by_role("button", name="Record", exact=True).click()
    page.locator("[data-phase=recording]").wait_for()
    page.wait_for_timeout(1500)
    page.evaluate(UNPLUG_CAMERA)
    expect(page.get_by_role("alert").filter(has_text="taken away")).to_contain_text("the rest goes on")
    expect(page.locator("[data-phase=recording]")).to_be_attached()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Use this recording").wait_for()


def test_retaking_and_cancelling_let_the_devices_go(open_recorder):
    page = open_recorder("Sound")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Start microphone").wait_for()
    assert page.evaluate("window.streams.flatMap(s => s.getTracks()).every(t => t.readyState === 'ended')")
