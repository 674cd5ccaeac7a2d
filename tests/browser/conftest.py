"""The real app in a real browser: one server and one browser for all tests here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from browser.ports import free_port
from fake_devices import REMEMBER_STREAMS, arguments

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60_000  # ms; two busy cores load the models and analyse a clip well within


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """Debian's Chromium; without one the tests are skipped, or fail if REQUIRE_BROWSER=1."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "no Chromium found: install the package chromium"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture(scope="session")
def start_app(chromium_path, tmp_path_factory):
    """A function that starts the app with changes to its environment, such as MMER_RUNS, and gives its
    address; all end with the tests.
    """
    servers = []

    def start(**environment: str) -> str:
        port = free_port()
        folder = tmp_path_factory.mktemp("app")
        log = (folder / "log").open("wb")
        own = {"XDG_DATA_HOME": str(folder / "data")}  # not the runs and features of whoever runs the tests
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            f"--server.port={port}",
            "--server.address=127.0.0.1",
        ]
        command += ["--server.headless=true", "--server.fileWatcherType=none"]
        server = subprocess.Popen(
            command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | own | environment
        )
        servers.append((server, log))
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(url, server, Path(log.name))
        return url

    yield start
    for server, log in servers:
        server.terminate()
        server.wait(10)
        log.close()


@pytest.fixture(scope="session")
def app_data(tmp_path_factory) -> Path:
    """The folder that stands for the user's data in the app at `app_url`."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="session")
def app_url(start_app, app_data) -> str:
    """Address of the app, started for these tests."""
    return start_app(XDG_DATA_HOME=str(app_data))


@pytest.fixture(scope="session")
def reaching_beyond():
    """A function that checks that a page of a given width does not scroll sideways, and lists what reaches
    beyond it nevertheless.
    """
    script = (
        "limit => [...document.querySelectorAll('[data-testid=stMain] *')].filter(e => "
        "e.getClientRects().length && !e.closest('details:not([open])') && "
        "!e.parentElement.closest('[style*=clip]') && "  # of sliders: hidden, for screen readers only
        "e.getBoundingClientRect().right > limit + 1).map(e => (e.className.toString() || "
        "`${e.tagName} in ${e.parentElement.className}`).slice(0, 60))"
    )

    def find(page, width: int) -> list[str]:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        return page.evaluate(script, width)

    return find


@pytest.fixture(scope="session")
def wait_until_up():
    """A function that waits for an app that was started: (address, process, its log)."""
    return _wait_until_up


def _wait_until_up(url: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text(errors="replace")
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the app did not start: {log.read_text(errors='replace')}")


@pytest.fixture(scope="session")
def browser(chromium_path):
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def window(browser):
    """A function that gives the window of a size and colour scheme; windows are kept, and with them what the
    browser has fetched and compiled.
    """
    windows = {}

    def find(width: int, height: int, scheme: str):
        if (width, height, scheme) not in windows:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True
            )
            context.set_default_timeout(PATIENCE)
            windows[width, height, scheme] = context
        return windows[width, height, scheme]

    yield find
    for context in windows.values():
        context.close()


@pytest.fixture(scope="module")
def open_page(window):
    """A function that opens an address in a fresh page; errors in the console or in scripts fail the tests
    of the file at its end.
    """
    pages, problems = [], []

    def open_(url: str, *, width: int = 1280, height: int = 900, scheme: str = "light"):
        page = window(width, height, scheme).new_page()
        pages.append(page)
        page.on("pageerror", lambda error: problems.append(str(error)))
        # Streamlit itself asks for /<page>/_stcore/health on a deep link before it tries the right address.
        page.on(
            "console",
            lambda m: (
                problems.append(m.text) if m.type == "error" and "status of 404" not in m.text else None
            ),
        )
        page.goto(url)
        page.get_by_role("heading", level=1).wait_for()
        return page

    yield open_
    for page in pages:
        page.close()
    assert problems == []


@pytest.fixture(scope="module")
def open_with_devices(browser, chromium_path):
    """A function that opens an address on a phone's width in a browser of its own, whose camera and
    microphone are these files.

    The streams that the page gets can be ended as in `fake_devices.UNPLUG_CAMERA`.
    """
    browsers = []

    def open_(url: str, files: tuple[Path, Path], *, patience: int = PATIENCE, **devices):
        running = browser.browser_type.launch(
            executable_path=chromium_path, args=arguments(*files, **devices)
        )
        browsers.append(running)
        context = running.new_context(viewport={"width": 390, "height": 900})
        context.set_default_timeout(patience)
        page = context.new_page()
        page.add_init_script(REMEMBER_STREAMS)
        page.goto(url)
        page.get_by_role("heading", level=1).wait_for()
        return page

    yield open_
    for running in browsers:
        running.close()
