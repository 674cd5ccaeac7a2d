"""Boxes over the playing video lie on the faces, follow its size, and lead to one person's answers.
In a real browser with the shipped model.
"""

from __future__ import annotations

import numpy as np
import pytest
from browser.rest import wait_until_at_rest
from playwright.sync_api import expect

from mmer_core.config import ROOT
from mmer_core.media.faces import find_faces
from mmer_core.media.loading import load_clip

pytestmark = pytest.mark.browser

PATIENCE = 90_000  # ms
SAMPLE = ROOT / "samples" / "speech.mp4"
VIDEO = ".st-key-player video"
AT = 1.0  # seconds
SIDES = (("x", "width"), ("y", "height"))


@pytest.fixture(scope="module")
def faces() -> list[np.ndarray]:
    """Where each face is at that moment: x0, y0, x1, y1 as shares of the picture."""
    clip = find_faces(load_clip(SAMPLE))
    height, width = clip.frames.shape[1:3]
    sides = [[np.interp(AT, face.times, side) for side in face.boxes.T] for face in clip.people]
    return [np.array(box) / [width, height, width, height] for box in sides]


@pytest.fixture(scope="module")
def answered(app_url, open_page):
    page = open_page(app_url)
    page.locator("input[type=file]").set_input_files(SAMPLE)
    page.get_by_role("checkbox", name="Faces").wait_for(timeout=2 * PATIENCE)
    page.get_by_text("Where they disagree").wait_for()
    page.wait_for_function(f"document.querySelector('{VIDEO}').readyState > 0")
    wait_until_at_rest(page)
    return page


def seek(page, seconds: float) -> None:
    page.evaluate(f"document.querySelector('{VIDEO}').currentTime = {seconds}")
    page.wait_for_function(f"!document.querySelector('{VIDEO}').seeking", timeout=PATIENCE)
    page.wait_for_timeout(300)  # three looks of the overlay


def box_of(page, person: int):
    return page.locator(f".layer .box[data-person='{person}']")


def placed(page, person: int) -> np.ndarray:
    """A person's box as shares of the picture, which may have bars beside it in its player."""
    box, player = box_of(page, person).bounding_box(), page.locator(VIDEO).bounding_box()
    wide, high = page.evaluate(f"(v => [v.videoWidth, v.videoHeight])(document.querySelector('{VIDEO}'))")
    scale = min(player["width"] / wide, player["height"] / high)
    left = box["x"] - player["x"] - (player["width"] - scale * wide) / 2
    top = box["y"] - player["y"] - (player["height"] - scale * high) / 2
    corners = np.array([left, top, left + box["width"], top + box["height"]])
    return corners / (scale * np.array([wide, high, wide, high]))


@pytest.mark.parametrize("style", ["", "height: 120px", "width: 200px"], ids=["usual", "flat", "narrow"])
def test_the_boxes_lie_on_the_faces_at_any_size(answered, faces, style):
    page = answered
    page.evaluate(f"document.querySelector('{VIDEO}').style.cssText = '{style}'")
    seek(page, AT)
    assert len(faces) == 2
    for person, face in enumerate(faces):
        assert placed(page, person) == pytest.approx(face, abs=0.03)
    page.evaluate(f"document.querySelector('{VIDEO}').style.cssText = ''")


@pytest.mark.parametrize("width", [160, 240, 320])
def test_no_label_covers_another(answered, width):
    page = answered
    page.evaluate(f"document.querySelector('{VIDEO}').style.cssText = 'width: {width}px'")
    seek(page, AT)
    first, second = (label.bounding_box() for label in page.locator(".layer .label").all())
    gaps = [max(second[a] - first[a] - first[s], first[a] - second[a] - second[s]) for a, s in SIDES]
    assert max(gaps) > -0.5, (first, second)  # pixels
    page.evaluate(f"document.querySelector('{VIDEO}').style.cssText = ''")


def test_the_boxes_lie_on_the_faces_while_the_player_fills_the_screen(answered, faces):
    page = answered
    seek(page, AT)
    page.get_by_role("checkbox", name="Faces").focus()
    page.keyboard.press("Shift")  # a page may fill the screen only after something was done
    page.evaluate(f"document.querySelector('{VIDEO}').requestFullscreen()")
    page.wait_for_function("document.fullscreenElement !== null")
    page.wait_for_timeout(500)
    assert page.evaluate("document.fullscreenElement.tagName") == "VIDEO"
    assert page.locator(".layer").evaluate("layer => layer.matches(':popover-open')")
    for person, face in enumerate(faces):
        assert placed(page, person) == pytest.approx(face, abs=0.03)
    page.evaluate("document.exitFullscreen()")
    page.wait_for_function("document.fullscreenElement === null")
    page.wait_for_timeout(500)
    assert not page.locator(".layer").evaluate("layer => layer.matches(':popover-open')")
    assert placed(page, 0) == pytest.approx(faces[0], abs=0.03)


def test_the_box_says_who_and_what_and_can_be_switched_off_by_keyboard(answered):
    page = answered
    seek(page, AT)
    expect(page.locator(".layer .label").filter(has_text="%")).to_have_count(1)
    box = box_of(page, 0)
    expect(box).to_contain_text("Face 1")
    switch = page.get_by_role("checkbox", name="Faces")
    switch.press("Space")
    expect(box).to_be_hidden()
    switch.press("Space")
    expect(box).to_be_visible()


def test_captions_can_be_switched_on(answered):
    page = answered
    seek(page, AT)
    caption = page.locator(".layer .caption")
    expect(caption).to_be_hidden()
    page.get_by_role("checkbox", name="Captions").check()
    expect(caption).to_be_visible()
    assert caption.inner_text().strip()
    track = f"document.querySelector('{VIDEO}').textTracks[0].mode"
    assert page.evaluate(track) == "hidden", "the player's own subtitles would stand there"
    page.get_by_role("checkbox", name="Captions").uncheck()
    assert page.evaluate(track) == "showing"


def test_a_click_on_a_box_shows_that_person_until_everybody_is_shown(answered):
    page = answered
    seek(page, AT)
    page.locator(".layer .box[data-person='1'] .hit").click()
    everybody = page.get_by_role("button", name="Show everybody")
    everybody.wait_for()
    page.locator(".st-key-person-timeline .js-plotly-plot").wait_for()
    expect(page.get_by_role("button", name="Face 2", pressed=True)).to_be_visible()
    assert page.evaluate(f"document.querySelector('{VIDEO}').paused"), "the click is not the player's"
    wait_until_at_rest(page)
    everybody.click()
    expect(page.locator(".st-key-person-timeline")).to_have_count(0)
