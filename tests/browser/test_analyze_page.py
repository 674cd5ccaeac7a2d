"""The main path in a real browser with the shipped model: give a clip, see the emotion, flip a switch,
correct the words.
"""

from __future__ import annotations

import json
import re

import pytest
from browser.rest import wait_until_at_rest
from media_factory import write_video
from playwright.sync_api import expect

from mmer_core.config import ROOT
from mmer_core.labels import EMOTIONS

pytestmark = pytest.mark.browser

SAMPLE = ROOT / "samples" / "speech.mp4"


@pytest.fixture(scope="module")
def sample_page(app_url, open_page):
    """A page with the answer to the sample clip, given as a file."""
    page = open_page(app_url)
    page.locator("input[type=file]").set_input_files(SAMPLE)
    page.locator(".mmer-answer").wait_for()
    page.get_by_role("button", name="Download JSON").wait_for()
    return page


@pytest.fixture
def answered(sample_page):
    """The same page for several tests, at rest; each leaves it as it found it: everything on, first words."""
    wait_until_at_rest(sample_page)
    return sample_page


def chart(page):
    """The bars; their accessible name says what they show."""
    return page.locator("[aria-label^='Probability of each emotion']").first


def shown(page) -> str:
    """The probabilities in words, as a screen reader has them."""
    return chart(page).get_attribute("aria-label")


def wait_until_moved(page, before: str) -> None:
    expect(chart(page)).not_to_have_attribute("aria-label", before)


def wait_until_back(page, before: str) -> None:
    expect(chart(page)).to_have_attribute("aria-label", before)


def test_a_deep_link_to_a_new_server_has_the_page_and_the_navigation(app_url, open_page):
    """First in this file, so that it is the server's first visit."""
    page = open_page(f"{app_url}/about")
    assert page.get_by_role("heading", level=1).inner_text() == "About the model and its limits"
    page.get_by_role("link", name="Analyze").click()
    page.get_by_role("heading", name="What emotion is in this clip?").wait_for()


def test_a_switch_moves_the_answer_and_back(answered):
    page = answered
    answer = page.locator(".mmer-answer").inner_text().lower()
    assert any(emotion in answer for emotion in EMOTIONS)
    everything = shown(page)
    assert all(re.search(rf"\b{e} [<>]?\d+%", everything) for e in EMOTIONS)
    page.get_by_text("Voice", exact=True).first.click()
    page.get_by_text("Switched off above").wait_for()
    wait_until_moved(page, everything)
    page.get_by_text("Voice", exact=True).first.click()
    page.get_by_text("Switched off above").wait_for(state="detached")
    wait_until_back(page, everything)


def test_corrected_words_move_the_answer_and_can_be_restored(answered):
    page = answered
    everything = shown(page)
    words = page.get_by_role("textbox", name="Transcript")
    transcript = words.input_value()
    assert "negotiations" in transcript
    words.fill("I hate this. You make me so angry!")
    words.press("Control+Enter")
    wait_until_moved(page, everything)
    page.get_by_role("button", name="Restore the transcript").click()
    wait_until_back(page, everything)
    expect(words).to_have_value(transcript)
    expect(page.get_by_role("button", name="Restore the transcript")).to_have_count(0)


def test_another_face_is_chosen_by_keyboard_and_back(answered):
    """The sample shows two people."""
    page = answered
    everything = shown(page)
    expect(page.locator(".mmer-warnings")).to_have_count(0)  # the face that speaks is followed
    faces = (
        page.locator("[class*='st-key-face-']")
        .get_by_role("radio")
        .or_(page.locator("[class*='st-key-face-'] button[kind^='segmented']"))
    )
    expect(faces).to_have_count(2)
    first = (
        faces.first.get_attribute("kind") != "segmented_controlActive"
        and faces.first.get_attribute("aria-checked") != "true"
    )
    other, main = (faces.first, faces.last) if first else (faces.last, faces.first)
    other.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".mmer-warnings")).to_contain_text("counted from the left, was followed")
    wait_until_moved(page, everything)
    wait_until_at_rest(page)
    main.click()
    wait_until_back(page, everything)


def test_the_switches_are_reached_and_moved_by_keyboard(answered):
    page = answered
    switch = page.get_by_role("switch", name="Face", exact=True)
    switch = switch.or_(page.get_by_role("checkbox", name="Face", exact=True)).first
    switch.focus()
    page.keyboard.press("Space")
    page.get_by_text("Switched off above").wait_for()
    page.keyboard.press("Space")
    page.get_by_text("Switched off above").wait_for(state="detached")


def test_the_answer_can_be_taken_away(answered):
    with answered.expect_download() as download:
        answered.get_by_role("button", name="Download JSON").click()
    result = json.loads(download.value.path().read_text(encoding="utf-8"))
    assert result["label"] in EMOTIONS
    assert download.value.suggested_filename.startswith(f"emotion-{result['label']}-")
    assert sum(result["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert set(result["modalities"]) == {"text", "audio", "visual"}
    assert "read" in result["timings"]


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_needs_scrolling_sideways(answered, width, scheme, reaching_beyond):
    page = answered
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(500)  # figures are redrawn after the window
    assert reaching_beyond(page, width) == []


def test_a_clip_without_speech_or_face_still_answers_or_says_why(app_url, open_page, tmp_path):
    write_video(tmp_path / "colours.mp4")
    page = open_page(app_url)
    page.locator("input[type=file]").set_input_files(tmp_path / "colours.mp4")
    page.locator(".mmer-answer").wait_for()
    page.get_by_text(re.compile(r"No face in \d+ of \d+ frames")).wait_for()


def test_a_bad_file_is_one_sentence(app_url, open_page, tmp_path):
    bad = tmp_path / "notes.mp4"
    bad.write_text("not a video")
    page = open_page(app_url)
    page.locator("input[type=file]").set_input_files(bad)
    alert = page.get_by_role("alert").first
    alert.wait_for()
    assert "Traceback" not in page.inner_text("body")


@pytest.fixture(scope="module")
def visitor(app_url, open_page):
    """A page for the flows of a first visit, in this order."""
    return open_page(app_url, width=1280)


def test_the_first_answer_takes_one_click(visitor):
    visitor.get_by_role("button", name="A smile with sad words").click()
    expect(visitor.locator(".mmer-answer")).to_contain_text("Reads sad, looks happy")
    expect(visitor.locator(".st-key-clip-and-answer video")).to_have_count(1)


def test_two_clips_are_compared_in_three_clicks(visitor):
    """Counted from the empty page: the first sample, the list, the second."""
    visitor.get_by_role("button", name="Compare with").click()
    visitor.locator("[class*='st-key-compare-']").get_by_role("button", name="A face that changes").click()
    expect(visitor.locator(".mmer-answer")).to_have_count(2)
    expect(visitor.locator(".mmer-answer").last).to_contain_text("Sadness → 😊 Joy")
    visitor.get_by_role("button", name="End the comparison").click()
    expect(visitor.locator(".mmer-answer")).to_have_count(1)


def test_why_takes_a_second_click(visitor):
    visitor.get_by_role("button", name="Why this answer?").click()
    visitor.get_by_role("heading", name=re.compile("^Why ")).wait_for()
    expect(visitor.locator(".mmer-why-words, .mmer-modality").first).to_be_visible()
    expect(visitor.locator("[class*='st-key-cancel']")).to_have_count(0)


def test_a_sample_is_read_anew_on_demand(app_url, open_page):
    page = open_page(app_url)
    page.get_by_role("button", name="A smile with glad words").click()
    page.get_by_role("button", name="Read it on this computer").click()
    page.get_by_role("button", name="Download JSON").wait_for()
    expect(page.get_by_role("textbox", name="What was said")).to_have_value(re.compile("so happy"))


def test_a_reload_keeps_the_clip(visitor):
    before = visitor.locator(".mmer-answer h2").inner_text()
    visitor.reload()
    expect(visitor.locator(".mmer-answer h2")).to_have_text(before)


def test_on_a_phone_the_answer_is_on_the_first_screen(app_url, open_page):
    page = open_page(app_url, width=390)
    page.get_by_role("button", name="A bitter sentence").click()
    answer = page.locator(".mmer-answer")
    answer.wait_for()
    wait_until_at_rest(page)
    assert 0 < answer.bounding_box()["y"] < 600
