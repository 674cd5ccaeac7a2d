"""The Ablation page in a real browser, on the shipped runs and for a clip read by the shipped model."""

from __future__ import annotations

import re

import pytest
from browser.rest import wait_until_at_rest
from playwright.sync_api import expect

from mmer_core.config import ROOT, SHIPPED_RUNS
from mmer_core.labels import EMOTIONS
from mmer_core.runs.run import CVRun

pytestmark = pytest.mark.browser

NAME = "ravdess-8-early"
TITLE = "What is each modality worth?"


@pytest.fixture(scope="module")
def run() -> CVRun:
    return CVRun.open(SHIPPED_RUNS / NAME)


@pytest.fixture(scope="module")
def run_page(app_url, open_page):
    """The page of one run, at rest."""
    page = open_page(f"{app_url}/ablation?run={NAME}")
    page.get_by_role("heading", name=TITLE).wait_for()
    page.get_by_text("Each missing independently").first.wait_for()
    wait_until_at_rest(page)
    return page


@pytest.fixture(scope="module")
def clip_page(app_url, open_page):
    """The page of the last clip: the sample, analysed first."""
    page = open_page(app_url)
    page.locator("input[type=file]").set_input_files(ROOT / "samples" / "speech.mp4")
    page.get_by_role("button", name="Download JSON").wait_for()
    wait_until_at_rest(page)
    page.get_by_role("link", name="Ablation").click()
    page.get_by_role("heading", name=TITLE).wait_for()
    page.get_by_text("The last clip").click()
    page.get_by_text("What each modality did to each emotion").wait_for()
    return page


def switch(page, name: str):
    return page.get_by_role("switch", name=name).or_(page.get_by_role("checkbox", name=name)).first


def flip(page, name: str) -> None:
    switch(page, name).focus()
    page.keyboard.press("Space")


def matrix(page):
    """The matrix that is seen; the one before it may linger, hidden, for a moment."""
    return page.locator("[aria-label^='Confusion matrix']").filter(visible=True)


def percents(run: CVRun, subset: str) -> list[str]:
    return [f"{100 * run.metrics[subset][m][0]:.1f}" for m in ("accuracy", "ua", "weighted_f1")]


def expect_subset(page, run: CVRun, subset: str, title: str) -> None:
    """Scores and matrix are those of the subset."""
    for metric, value in zip(page.get_by_test_id("stMetricValue").all(), percents(run, subset), strict=True):
        expect(metric).to_contain_text(value)
    recalls = ", ".join(
        f"{label} {100 * row['recall']:.1f}" for label, row in run.metrics[subset]["per_class"].items()
    )
    expect(matrix(page)).to_have_attribute(
        "aria-label", f"Confusion matrix of {title}. Recall in percent: {recalls}"
    )


def test_a_switch_changes_scores_and_matrix_and_back(run_page, run):
    expect_subset(run_page, run, "audio+visual", "Voice + face")
    flip(run_page, "Face")
    expect_subset(run_page, run, "audio", "Voice")
    flip(run_page, "Voice")
    run_page.get_by_text("Nothing is switched on").wait_for()
    flip(run_page, "Face")
    expect_subset(run_page, run, "visual", "Face")
    flip(run_page, "Voice")
    expect_subset(run_page, run, "audio+visual", "Voice + face")


def choose(page, title: str) -> None:
    """Choose a run by typing: the list draws only the options that are in view."""
    page.get_by_role("combobox").first.click()
    page.get_by_role("combobox").first.fill(title)
    page.get_by_role("option", name=title, exact=True).first.click()


def test_another_run_is_in_the_address(run_page, run):
    page = run_page
    choose(page, "ravdess, 4 classes: late_mean (Voice + face)")
    page.wait_for_url("**run=ravdess-4-late_mean*")
    expect(matrix(page)).not_to_have_attribute("aria-label", re.compile("disgust"))
    choose(page, "ravdess, 8 classes: early (Voice + face) · voice_frames")
    page.wait_for_url(f"**run={NAME}")
    expect_subset(page, run, "audio+visual", "Voice + face")
    page.go_back()
    page.wait_for_url("**run=ravdess-4-late_mean*")
    expect(matrix(page)).not_to_have_attribute("aria-label", re.compile("disgust"))
    page.go_forward()
    page.wait_for_url(f"**run={NAME}")
    expect_subset(page, run, "audio+visual", "Voice + face")


def test_one_step_back_leaves_the_page(app_url, open_page):
    page = open_page(f"{app_url}/about")
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_role("link", name="Ablation").first.click()
    page.get_by_text("When modalities go missing").wait_for()
    page.go_back()
    page.wait_for_url("**/about")


def test_a_shipped_run_says_which_of_words_voice_and_face_matters(app_url, open_page):
    page = open_page(f"{app_url}/ablation?run=ravdess-7-words-early")
    page.get_by_text("The voice matters most here: without it macro-F1 falls by 23.4 points").wait_for()
    page.get_by_text("Nobody said them in these clips").wait_for()


def test_a_table_can_be_taken_away(run_page, run):
    wait_until_at_rest(run_page)  # a redraw would take the button away amid the click
    with run_page.expect_download() as download:
        run_page.get_by_role("button", name="CSV").nth(1).click()
    rows = [line.split(",") for line in download.value.path().read_text(encoding="utf-8").splitlines()]
    assert download.value.suggested_filename == f"{NAME}-subsets.csv"
    assert [row[0] for row in rows[1:]] == list(run.metrics)
    assert float(rows[1][1]) == run.metrics["audio"]["accuracy"][0]


def test_the_switches_of_the_last_clip_move_its_answer(clip_page):
    bars = clip_page.locator("[aria-label^='Probability of each emotion']").filter(visible=True)
    before = bars.get_attribute("aria-label")
    assert all(emotion in before for emotion in EMOTIONS)
    shares = clip_page.locator("[aria-label^='For ']").filter(visible=True)
    assert re.search(
        r"Words [+−]?\d+\.\d points, Voice .* points, Face .* points", shares.get_attribute("aria-label")
    )
    flip(clip_page, "Voice")
    expect(bars).not_to_have_attribute("aria-label", before)
    flip(clip_page, "Voice")
    expect(bars).to_have_attribute("aria-label", before)


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("which", ["run_page", "clip_page"])
def test_nothing_needs_scrolling_sideways(request, which, width, scheme, reaching_beyond):
    page = request.getfixturevalue(which)
    page.bring_to_front()  # a page behind another is not drawn anew
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(800)  # figures are redrawn after the window
    assert reaching_beyond(page, width) == []
    assert len(page.screenshot(full_page=True)) > 20_000
