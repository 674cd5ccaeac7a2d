"""The Live page in a real browser whose fake camera shows a real face for a while and then nothing, and whose
microphone hears a real voice.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest
from fake_devices import UNPLUG_CAMERA, write_camera, write_microphone
from playwright.sync_api import expect

from mmer_core.labels import EMOTIONS

pytestmark = [pytest.mark.browser, pytest.mark.long]

PATIENCE = 180_000  # ms; models load and a connection is made on a machine that runs other tests as well
#: Whether the connection's own frame has the microphone of this name.
STREAMS_FROM = """name => Array.from({ length: frames.length }, (_, i) => frames[i])
  .flatMap(frame => frame.streams ?? [])
  .flatMap(stream => stream.getAudioTracks())
  .some(track => track.label === name && track.readyState === "live")"""
EMOTION = re.compile(rf"({'|'.join(e.capitalize() for e in EMOTIONS)}) [<>]?\d+%")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("devices")
    return write_camera(folder / "camera.mjpeg", face=8, nothing=8), write_microphone(
        folder / "microphone.wav"
    )


@pytest.fixture(scope="module")
def open_live(open_with_devices, app_url, files):
    """A function that opens the Live page in a browser with the fake devices asked for, and presses Start."""

    def open_(**devices):
        page = open_with_devices(f"{app_url}/live", files, patience=PATIENCE, **devices)
        page.get_by_role("heading", name="What emotion is showing now?").wait_for()
        page.get_by_text("Nothing is stored").wait_for()
        start = page.get_by_role("button", name="Start", exact=True)
        expect(start).to_be_enabled(timeout=PATIENCE)
        start.click()
        return page

    return open_


@pytest.fixture(scope="module")
def live(open_live):
    """A page that streams."""
    return open_live()


def card(page, modality: str):
    """The card that holds the modality's switch."""
    return (
        page.locator("[data-testid=stGrid] > *, [data-testid=stColumn]")
        .filter(has=page.get_by_text(modality, exact=True))
        .last
    )


def test_a_label_appears_and_changes_with_the_picture(live):
    expect(card(live, "Face")).to_contain_text(EMOTION, timeout=PATIENCE)
    expect(live.locator(".mmer-answer")).to_contain_text("%", timeout=PATIENCE)
    expect(card(live, "Face")).to_contain_text("No face in view.", timeout=PATIENCE)
    expect(card(live, "Face")).to_contain_text(EMOTION, timeout=PATIENCE)


def test_voice_is_read_and_the_timeline_moves(live):
    expect(card(live, "Voice")).to_contain_text(EMOTION, timeout=PATIENCE)
    timeline = live.get_by_role("img", name=re.compile("Probability of each emotion over the last minute"))
    before = timeline.get_attribute("src")
    expect(timeline).not_to_have_attribute("src", before, timeout=PATIENCE)


def test_a_switch_takes_a_modality_out(live):
    live.get_by_text("Voice", exact=True).click()
    expect(card(live, "Voice")).to_contain_text("Switched off.", timeout=PATIENCE)
    live.get_by_text("Voice", exact=True).click()
    expect(card(live, "Voice")).not_to_contain_text("Switched off.", timeout=PATIENCE)


def test_with_everything_off_there_is_no_answer_and_no_bar(live):
    for title in ("Words", "Voice", "Face"):
        live.get_by_text(title, exact=True).click()
        expect(card(live, title)).to_contain_text("Switched off.", timeout=PATIENCE)
    expect(live.locator(".mmer-answer")).to_contain_text("Nothing that is switched on", timeout=PATIENCE)
    expect(live.locator(".mmer-bars")).not_to_contain_text("%")
    for title in ("Words", "Voice", "Face"):
        live.get_by_text(title, exact=True).click()
        expect(card(live, title)).not_to_contain_text("Switched off.", timeout=PATIENCE)


def test_another_microphone_can_be_chosen_while_live(live):
    choice = live.get_by_label("Microphone")
    expect(choice.locator("option")).to_have_count(3)
    choice.select_option(label="Fake Audio Input 2")
    expect(live.locator("iframe[title*=webrtc]")).to_have_count(1, timeout=PATIENCE)
    live.wait_for_function(STREAMS_FROM, arg="Fake Audio Input 2", timeout=PATIENCE)
    expect(card(live, "Face")).to_contain_text(EMOTION, timeout=PATIENCE)
    expect(choice.locator("option:checked")).to_have_text("Fake Audio Input 2")


def test_a_table_is_kept_only_when_asked_for_and_can_be_taken_away_and_forgotten(live):
    expect(live.get_by_role("button", name="Download the table")).to_have_count(0)
    live.get_by_text("Keep a table of this session").click()
    live.get_by_text("No picture and no sound.").wait_for()
    live.get_by_text(re.compile(r"^[1-9]\d* rows? over")).wait_for()
    with live.expect_download() as download:
        live.get_by_role("button", name="Download the table").click()
    rows = list(csv.DictReader(Path(download.value.path()).read_text(encoding="utf-8").splitlines()))
    assert rows
    assert {row["label"] for row in rows} <= set(EMOTIONS)
    live.get_by_text("Keep a table of this session").click()
    live.get_by_role("button", name="Forget the table").click()
    expect(live.get_by_role("button", name="Download the table")).to_have_count(0)


def test_nothing_needs_scrolling_sideways_on_a_phone(live):
    assert live.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_last_seconds_can_be_kept_and_the_page_lets_the_camera_go(live):
    live.get_by_role("button", name="Analyze the last 10 seconds").click()
    live.get_by_role("heading", name="What emotion is in this clip?").wait_for()
    live.get_by_text("live.mp4").wait_for()
    live.locator(".mmer-answer").wait_for()
    live.get_by_role("link", name="Live").click()
    live.get_by_role("button", name="Start", exact=True).wait_for()


def test_a_camera_unplugged_while_it_runs_leaves_voice_and_words(open_live):
    page = open_live()
    expect(card(page, "Face")).to_contain_text(EMOTION, timeout=PATIENCE)
    for frame in page.frames:
        frame.evaluate(UNPLUG_CAMERA)
    page.get_by_text("The camera was taken away.").wait_for()
    page.get_by_text("Voice and words go on without the face.").wait_for()
    expect(card(page, "Face")).not_to_contain_text(EMOTION, timeout=PATIENCE)
    timeline = page.get_by_role("img", name=re.compile("Probability of each emotion over the last minute"))
    expect(card(page, "Voice")).to_contain_text(EMOTION, timeout=PATIENCE)
    before = timeline.get_attribute("src")
    expect(timeline).not_to_have_attribute("src", before, timeout=PATIENCE)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()


def test_without_a_camera_voice_and_words_go_on(open_live):
    page = open_live(without_camera=True)
    page.get_by_text("The camera was not found").wait_for()
    page.get_by_text("Voice and words go on without the face.").wait_for()
    expect(card(page, "Voice")).to_contain_text(EMOTION, timeout=PATIENCE)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()


def test_a_refused_permission_is_said_plainly(open_live):
    page = open_live(refuse=True)
    page.get_by_text("The camera was not allowed").wait_for()
    page.get_by_text("The microphone was not allowed").wait_for()
    expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
