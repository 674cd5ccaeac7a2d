"""A training in a real browser: started to finished and seen on the Results page; its model reads a clip; it
outlives the page and the app.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from browser.ports import free_port
from browser.rest import wait_until_at_rest
from media_factory import write_video
from playwright.sync_api import expect

from mmer_core.config import ROOT
from mmer_core.runs import jobs
from mmer_core.runs.jobs import Status
from mmer_core.runs.process_identity import alive
from mmer_core.runs.run import CVRun

pytestmark = [pytest.mark.browser, pytest.mark.long]

PATIENCE = 120_000  # ms; seconds on an idle machine


class App:
    """The app with a folder of runs of its own; it can be ended and started again."""

    def __init__(self, runs: Path, log: Path, wait: Callable[[str, subprocess.Popen, Path], None]) -> None:
        self.runs, self._log, self._wait = runs, log, wait
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._server: subprocess.Popen | None = None

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "app.py",
            f"--server.port={self._port}",
            "--server.address=127.0.0.1",
        ]
        with self._log.open("ab") as log:
            data = str(self.runs.parent / "data")  # for the feature store
            environment = {**os.environ, "MMER_RUNS": str(self.runs), "XDG_DATA_HOME": data}
            self._server = subprocess.Popen(
                [*command, "--server.headless=true"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        self._wait(self.url, self._server, self._log)

    def end(self) -> None:
        assert self._server is not None
        self._server.terminate()
        self._server.wait(20)


@pytest.fixture(scope="module")
def app(chromium_path, tmp_path_factory, wait_until_up):
    folder = tmp_path_factory.mktemp("train-page")
    app = App(folder / "runs", folder / "log", wait_until_up)
    app.start()
    yield app
    app.end()
    for job in jobs.listed(app.runs)[0]:
        for process in job.state.get("processes", []):
            if alive(process):
                os.kill(process["pid"], signal.SIGKILL)


@pytest.fixture
def page(app, browser):
    """The Train page in a fresh window; what goes wrong in its scripts fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE)
    problems: list[str] = []
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    visit(page, app)
    yield page
    context.close()
    assert problems == []


def visit(page, app: App) -> None:
    page.goto(f"{app.url}/train")
    page.get_by_role("heading", name="New training").wait_for()


def fill_made_up(page) -> None:
    page.get_by_role("button", name="Try it on made-up features").click()
    page.get_by_role("button", name="Start training").wait_for()
    wait_until_at_rest(page)


def test_a_training_from_start_to_the_results_page(page, app):
    fill_made_up(page)
    expect(page.get_by_text("No speaker, dialogue, file or transcript")).to_be_visible()
    shown = page.get_by_test_id("stCode").last.inner_text().strip()
    page.get_by_role("button", name="Start training").click()
    link = page.get_by_role("link", name="Results of made-up-4-early")
    link.wait_for()
    (job,) = jobs.listed(app.runs)[0]
    assert job.status is Status.FINISHED
    assert " ".join(shown.split()) == jobs.shown(job.commands[0])
    accuracy = CVRun.open(app.runs / "made-up-4-early").metrics["text+audio+visual"]["accuracy"][0]
    assert accuracy > 0.4, "made-up classes can be told apart, by people who were not in training"
    link.click()
    page.wait_for_url(re.compile(r"/results\?run=made-up-4-early"))
    page.get_by_role("heading", level=1).wait_for()


def write_clips(folder: Path) -> Path:
    """A corpus of sixteen films of half a second, by four speakers in two emotions."""
    folder.mkdir()
    rows = ["id,path,text,label,speaker,dialogue,utterance"]
    for i in range(16):
        write_video(folder / f"{i}.mp4", seconds=0.5 + 0.05 * i)
        label = ("joy", "anger")[i % 2]
        rows.append(f"u{i},{i}.mp4,Sentence {i} of these.,{label},s{i // 4},d{i // 4},{i % 4}")
    (folder / "clips.csv").write_text("\n".join(rows))
    return folder / "clips.csv"


def test_a_model_is_trained_from_clips_used_on_one_and_given_back(page, app, tmp_path):
    """The form is filled by pasting a request; features are extracted, a model is trained, and it reads."""
    request = {
        "corpus": f"csv:{write_clips(tmp_path / 'clips')}",
        "encoders": {"audio": "mel_cnn", "metadata": "dialogue"},
        "training": {"epochs": 2},
        "plan": {"folds": 2, "validation": 0.4},
        "name": "clips",
    }
    page.get_by_text("The request as JSON").click()
    page.get_by_role("textbox", name="Paste a request").fill(json.dumps(request))
    page.keyboard.press("Tab")
    wait_until_at_rest(page)
    page.get_by_role("button", name="Fill the form").click()
    page.get_by_text(re.compile("mmer_core extract csv:")).first.wait_for()
    wait_until_at_rest(page)
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("link", name="Results of clips", exact=True).wait_for()
    (job,) = [job for job in jobs.listed(app.runs)[0] if "clips" in job.runs]
    assert job.request["encoders"] == request["encoders"]
    wait_until_at_rest(page)
    page.get_by_role("button", name="Use this model").first.click()
    page.get_by_text("clips is in use").wait_for()
    page.get_by_role("link", name="Read a clip with it").click()
    page.get_by_text("Model in use:").wait_for()
    page.get_by_text(re.compile("it reads voice and dialogue; accuracy")).wait_for()
    page.locator("input[type=file]").set_input_files(tmp_path / "clips" / "3.mp4")
    answer = page.locator(".mmer-answer")
    answer.wait_for()
    chart = page.locator("[aria-label^='Probability of each emotion']").first
    chart.wait_for()
    assert set(re.findall(r"(\w+) [<>]?\d+%", chart.get_attribute("aria-label"))) == {"joy", "anger"}
    wait_until_at_rest(page)
    page.get_by_role("button", name="Back to the shipped model").click()
    page.get_by_text("Model in use:").wait_for(state="detached")
    expect(chart).to_have_attribute("aria-label", re.compile("neutral"))


def test_a_training_outlives_the_page_and_the_app_and_can_be_stopped_and_continued(page, app):
    fill_made_up(page)
    page.get_by_role("spinbutton", name="Epochs").fill("3000")
    page.keyboard.press("Tab")
    page.get_by_text("Advanced settings").click()
    page.get_by_role("spinbutton", name="Patience", exact=True).fill("0")
    page.keyboard.press("Tab")
    page.get_by_text("--epochs 3000 --patience 0").wait_for()
    page.get_by_role("button", name="Start training").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for()
    page.get_by_text(re.compile(r"epoch \d+ of at most 3000")).wait_for()
    page.get_by_label(re.compile("by epoch")).first.wait_for()  # its curves

    page.get_by_role("link", name="About").click()
    page.get_by_role("heading", name="About the model and its limits").wait_for()
    page.goto("about:blank")
    app.end()
    (job,) = [job for job in jobs.listed(app.runs)[0] if job.status is Status.RUNNING]
    app.start()
    assert jobs.read(job.path).status is Status.RUNNING

    visit(page, app)
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Go on").wait_for()
    assert jobs.read(job.path).status is Status.STOPPED
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Stop", exact=True).wait_for()
    assert jobs.read(job.path).state["attempt"] == 2
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="Go on").wait_for()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_wider_than_the_screen(page, app, width):
    page.set_viewport_size({"width": width, "height": 900})
    fill_made_up(page)
    wide = "e => [e.scrollWidth, e.clientWidth]"
    scroll, client = page.get_by_test_id("stMain").evaluate(wide)
    assert scroll <= client
