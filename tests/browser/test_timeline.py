"""The timeline moves the player, and figures, subtitles and the report are saved whole. In a real browser
with the shipped model.
"""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from browser.rest import wait_until_at_rest
from PIL import Image
from playwright.sync_api import expect

from mmer_core.config import ROOT
from mmer_core.labels import EMOTIONS

pytestmark = pytest.mark.browser

PATIENCE = 90_000  # ms
SAMPLE = ROOT / "samples" / "speech.mp4"
NOW = "document.querySelector('.st-key-player video').currentTime"


@pytest.fixture(scope="module")
def answered(app_url, open_page):
    """A page with the answer to the sample clip and its timeline."""
    page = open_page(app_url)
    page.locator("input[type=file]").set_input_files(SAMPLE)
    page.get_by_text("Where they disagree").wait_for()
    page.locator(".st-key-timeline .nsewdrag").first.wait_for()
    page.wait_for_function("document.querySelector('.st-key-player video').readyState > 0")
    wait_until_at_rest(page)
    page.get_by_text("Where they disagree").click()
    return page


def take(page, button) -> bytes:
    with page.expect_download() as download:
        button.click()
    return download.value.path().read_bytes()


def picture_button(page, kind: str):
    return page.locator("[class*='st-key-take-timeline']").get_by_role(
        "button", name=re.compile(f"as {kind}$")
    )


def test_a_click_on_the_figure_moves_the_player(answered):
    page = answered
    before = page.evaluate(NOW)
    area = page.locator(".st-key-timeline .nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 8)
    page.locator(".st-key-timeline .hovertext").first.wait_for()
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function(f"Math.abs({NOW} - {before}) > 1", timeout=PATIENCE)
    duration = page.evaluate("document.querySelector('.st-key-player video').duration")
    assert page.evaluate(NOW) == pytest.approx(duration / 2, abs=0.3)


def test_the_slider_moves_the_player_by_keyboard_and_follows_it(answered):
    page = answered
    slider = page.get_by_role("slider", name="Move the player")
    wait_until_at_rest(page)  # a redraw would take the slider's focus away
    slider.press("End")  # from the start itself, Home would change nothing
    page.wait_for_function(f"{NOW} > 1", timeout=PATIENCE)
    slider.press("Home")
    page.wait_for_function(f"{NOW} < 0.05", timeout=PATIENCE)
    slider.press("ArrowRight")
    page.wait_for_function(f"{NOW} > 0", timeout=PATIENCE)
    page.evaluate("document.querySelector('.st-key-player video').currentTime = 5")
    page.wait_for_function("s => Math.abs(s.value - 5) < 0.2", arg=slider.element_handle(), timeout=PATIENCE)


def test_a_disagreement_moves_the_player_to_its_start(answered):
    page = answered
    last = page.locator(".st-key-disagreements").get_by_role("button").last
    minutes, seconds = last.locator("time").inner_text().split(" – ")[0].split(":")
    start = 60 * int(minutes) + float(seconds)
    assert any(emotion in last.inner_text() for emotion in EMOTIONS)
    page.evaluate("document.querySelector('.st-key-player video').currentTime = 0.5")
    last.click()
    page.wait_for_function(f"Math.abs({NOW} - {start}) < 0.11", timeout=PATIENCE)


def test_the_emotion_is_a_subtitle_track_and_follows_the_switches(answered):
    page = answered
    said = "[...document.querySelector('.st-key-player video').textTracks[0].cues].map(c => c.text).join('|')"
    page.wait_for_function(f"{said}.length > 0", timeout=PATIENCE)
    before = page.evaluate(said)
    assert any(emotion.capitalize() in before for emotion in EMOTIONS)
    moment = page.evaluate(NOW)
    page.get_by_text("Voice", exact=True).first.click()
    page.wait_for_function(f"before => {said} !== before", arg=before, timeout=PATIENCE)
    assert page.evaluate(NOW) == moment, "the player is not loaded again"
    page.get_by_text("Voice", exact=True).first.click()
    page.wait_for_function(f"before => {said} === before", arg=before, timeout=PATIENCE)


def test_the_svg_is_whole(answered):
    root = ET.fromstring(take(answered, picture_button(answered, "SVG")))
    assert root.tag.endswith("svg")
    texts = [t.text for t in root.iter("{http://www.w3.org/2000/svg}text")] + [
        t.text for t in root.iter("{http://www.w3.org/2000/svg}tspan")
    ]
    assert {"Words", "Voice", "Face"} <= set(texts)
    ground = root.find("{http://www.w3.org/2000/svg}rect")
    assert re.fullmatch(r"rgb\(\d+, \d+, \d+\)", ground.get("fill"))
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 20


def test_the_png_is_twice_the_figure_and_not_blank(answered):
    picture = Image.open(io.BytesIO(take(answered, picture_button(answered, "PNG")))).convert("RGB")
    box = answered.locator(".st-key-timeline .js-plotly-plot").bounding_box()
    assert picture.size == pytest.approx((2 * box["width"], 2 * box["height"]), abs=2)
    pixels = np.asarray(picture)
    assert pixels.reshape(-1, 3).std(axis=0).min() > 5
    assert tuple(pixels[0, 0]) == (255, 255, 255), "the page's light ground"


@pytest.mark.parametrize("name", ["figure", "report"])
def test_saved_pages_open_offline(answered, browser, tmp_path, name):
    place = answered.locator("[class*='st-key-html-timeline']" if name == "figure" else ".st-key-report")
    path = tmp_path / "saved.html"
    path.write_bytes(take(answered, place.get_by_role("button").first))
    context = browser.new_context(offline=True)
    page, asked, problems = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(path.as_uri())
    page.locator(".js-plotly-plot .main-svg").first.wait_for()
    assert problems == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    if name == "report":
        assert any(emotion in page.locator(".answer").inner_text().lower() for emotion in EMOTIONS)
        expect(page.locator(".js-plotly-plot")).to_have_count(3)
    context.close()


def test_subtitles_are_saved_as_webvtt(answered):
    text = take(answered, answered.get_by_role("button", name="Subtitles").first).decode()
    assert text.startswith("WEBVTT\n\n00:00:00.000 --> ")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_scrubber_keeps_to_the_time_axis(answered, width):
    page = answered
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(600)  # figures are redrawn after the window
    axis = page.locator(".st-key-timeline .nsewdrag").first.bounding_box()
    slider = page.get_by_role("slider", name="Move the player").bounding_box()
    assert slider["x"] + 8 == pytest.approx(axis["x"], abs=3)
    assert slider["x"] + slider["width"] - 8 == pytest.approx(axis["x"] + axis["width"], abs=3)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
