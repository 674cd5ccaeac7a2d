"""A recording of more than a minute in a real browser with the shipped model: a stretch of it is answered,
all of it is read, a speaker gets a name, and the subtitles have it.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from browser.rest import wait_until_at_rest
from playwright.sync_api import expect

from mmer_core.config import ROOT

pytestmark = pytest.mark.browser

PATIENCE = 240_000  # ms; a recording of 75 seconds is read on two busy cores
SECONDS = 75
PLAYER = "document.querySelector('.st-key-player video')"


@pytest.fixture(scope="module")
def talk(tmp_path_factory):
    """75 seconds: the sample's speech twice, at the start and after a minute, over a grey picture."""
    with av.open(str(ROOT / "samples" / "speech.mp4")) as source:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
        frames = [f for frame in source.decode(audio=0) for f in resampler.resample(frame)]
    speech = np.concatenate([f.to_ndarray()[0] for f in frames])[: 10 * 16_000]
    sound = np.zeros(SECONDS * 16_000, np.float32)
    for at in (1, 62):
        sound[at * 16_000 : at * 16_000 + len(speech)] = speech
    path = tmp_path_factory.mktemp("talk") / "talk.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=5, width=160, height=120, pix_fmt="yuv420p")
        audio = container.add_stream("aac", rate=16_000, layout="mono")
        for i in range(SECONDS * 5):
            picture = np.full((120, 160, 3), 40 + i % 100, np.uint8)
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(video.encode(None))
        for at in range(0, len(sound), 1024):
            frame = av.AudioFrame.from_ndarray(sound[None, at : at + 1024], format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16_000, at, Fraction(1, 16_000)
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


@pytest.fixture(scope="module")
def answered(app_url, open_page, talk):
    """The answer to its first minute."""
    page = open_page(app_url)
    page.set_default_timeout(PATIENCE)
    page.locator("input[type=file]").set_input_files(talk)
    page.get_by_text("The whole recording").wait_for()
    wait_until_at_rest(page)
    return page


def ends(page):
    return page.locator("[data-testid=stSlider] input")


def press(page, end: int, key: str, times: int) -> None:
    """Move an end of the slider with the keyboard alone."""
    ends(page).nth(end).focus()
    for _ in range(times):
        page.keyboard.press(key)
    wait_until_at_rest(page)


def test_a_stretch_is_chosen_with_the_keyboard_played_and_left(answered):
    page = answered
    press(page, 0, "ArrowRight", 2)
    press(page, 1, "ArrowLeft", SECONDS - 8)
    page.get_by_role("button", name="Use 0:02 to 0:08").click()
    page.get_by_text("This is the stretch from 0:02.0 to 0:08.0 of the file.").wait_for()
    wait_until_at_rest(page)
    page.wait_for_function(f"{PLAYER}?.readyState > 0")
    assert abs(page.evaluate(f"{PLAYER}.duration") - 6) < 0.3, "the player holds the stretch alone"
    page.get_by_role("button", name="Back to all of it").click()
    page.get_by_text("The whole recording").wait_for()
    wait_until_at_rest(page)


def test_all_of_it_is_read_named_and_taken_away(answered, reaching_beyond):
    page = answered
    page.get_by_role("button", name="Read all of it").click()
    page.locator(".mmer-shares").wait_for()
    wait_until_at_rest(page)
    page.get_by_text("Name the speakers").click()
    page.get_by_label("Speaker 1", exact=True).fill("Ann")
    page.keyboard.press("Enter")
    expect(page.locator(".mmer-shares")).to_contain_text("Ann")
    wait_until_at_rest(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Subtitles (SRT)").click()
    subtitles = download.value.path().read_text("utf-8")
    assert "\nAnn: " in subtitles
    assert "00:01:0" in subtitles, "what is said after the first minute is there"
    with page.expect_download() as download:
        page.get_by_role("button", name="Report on all of it").click()
    report = download.value.path().read_text("utf-8")
    assert "All utterances" in report
    assert "Ann" in report
    last = page.locator("[class*='st-key-moments-'] li button").last
    last.click()
    page.wait_for_function(f"{PLAYER}.currentTime > 55")
    page.set_viewport_size({"width": 390, "height": 900})
    wait_until_at_rest(page)
    assert reaching_beyond(page, 390) == []
