"""In a real browser: pages ask nobody but the app, names are shown as text, and what is forgotten is gone."""

from __future__ import annotations

import os
import re
from urllib.parse import urlsplit

import pytest
from media_factory import write_sound
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PAGES = ("", "live", "results", "ablation", "train", "about")
NAME = "<img src=x onerror=alert(1)>![p](e)[l](e):material_bug:$x$ marked"


def say(page, words: str) -> None:
    page.get_by_role("textbox", name="Type what someone said").fill(words)
    page.get_by_role("button", name="Analyze text").click()
    page.get_by_role("heading", level=2).first.wait_for()


def test_pages_ask_nobody_but_the_app(app_url, open_page):
    asked = set()
    page = open_page(app_url)
    page.on("request", lambda request: asked.add(request.url))
    page.on("websocket", lambda socket: asked.add(socket.url))
    for name in PAGES:
        page.goto(f"{app_url}/{name}")
        page.get_by_role("heading", level=1).wait_for()
        page.wait_for_load_state("networkidle")
    say_page = open_page(app_url)
    say_page.on("request", lambda request: asked.add(request.url))
    say(say_page, "I can't believe you did that!")
    hosts = {urlsplit(url).netloc for url in asked if urlsplit(url).scheme in ("http", "https", "ws", "wss")}
    assert hosts == {urlsplit(app_url).netloc}
    assert not any("secret" in url or "token" in urlsplit(url).query for url in asked)


def test_names_are_text(app_url, open_page):
    page = open_page(app_url)
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog came up: {dialog.message}"))
    say(page, NAME)
    expect(page.get_by_text("marked").first).to_be_visible()
    page.get_by_text("Give another clip").click()
    files = [
        {"name": f"{NAME} {i}.wav", "mimeType": "audio/wav", "buffer": content}
        for i, content in enumerate((b"no sound", b"no sound"))
    ]
    page.locator("input[type=file]").first.set_input_files(files)
    expect(page.get_by_text(re.compile(r"marked 0\.wav is not a video")).first).to_be_visible()
    main = page.locator("[data-testid=stMain]")
    assert main.locator("img[src='x'], img[src='e'], a[href='e'], .katex").count() == 0
    assert page.locator("img[onerror]").count() == 0


def folders(below) -> list[str]:
    return [entry.name for folder in below.iterdir() for entry in folder.iterdir()]


@pytest.mark.long
def test_what_is_forgotten_is_gone_from_the_page_and_the_disk(start_app, open_page, tmp_path):
    folder = tmp_path / "tmp"
    folder.mkdir()
    url = start_app(TMPDIR=str(folder))
    page = open_page(url)
    large = tmp_path / "marked.wav"
    write_sound(large, seconds=2)
    with large.open("ab") as file:  # so large an upload lies on disk
        os.ftruncate(file.fileno(), 101 * 2**20)
    page.locator("input[type=file]").first.set_input_files(large)
    expect(page.get_by_role("button", name="Forget all")).to_be_visible()
    assert folders(folder)
    page.get_by_role("link", name="About").click()
    page.get_by_role("button", name="Forget everything now").click()
    expect(page.get_by_text(re.compile("1 clip: forgotten, in memory and on disk"))).to_be_visible()
    assert folders(folder) == []
    page.get_by_role("link", name="Analyze").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What emotion is in this clip?")
    expect(page.get_by_text("marked.wav")).to_have_count(0)
    page.reload()
    page.get_by_role("heading", level=1).wait_for()
    page.wait_for_timeout(1500)
    expect(page.get_by_text("marked.wav")).to_have_count(0)
