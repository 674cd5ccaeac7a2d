"""The Results page in a real browser: a click on a cell lists its clips, two runs are ticked and compared,
the address keeps the pick.
"""

from __future__ import annotations

import re

import pytest
from browser.rest import wait_until_at_rest
from playwright.sync_api import expect
from run_folders import edit, write_run

from mmer_core.labels import EMOTIONS

pytestmark = pytest.mark.browser
FOUR = EMOTIONS[:4]


@pytest.fixture(scope="module")
def folder(app_data):
    """Two runs, newer than the shipped ones and so listed above them, the newer one first."""
    path = app_data / "mmer" / "runs"
    for day, (name, evidence) in enumerate((("good", 2.0), ("poor", 0.3)), start=1):
        write_run(path / name, evidence=evidence, seed=day)
        edit(path / name, created=f"2099-01-0{3 - day}T00:00:00Z")
    return path


@pytest.fixture(scope="module")
def results_url(folder, app_url) -> str:
    return f"{app_url}/results"


def click_cell(page, name: str, shown: int, read: int) -> None:
    """Click a cell of the matrix, once the page has come to rest: a figure that is being redrawn hears no
    clicks.
    """
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    square = (
        page.locator(f".st-key-matrix-{name} .scatterlayer .trace")
        .last.locator(".points path")
        .nth(shown * len(FOUR) + read)
    )
    square.wait_for(state="attached")
    x, y = square.evaluate(
        "e => { e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect(); return "
        "[b.x + b.width / 2, b.y + b.height / 2] }"
    )
    page.mouse.click(x, y)


def test_a_click_on_a_cell_lists_its_clips(folder, results_url, open_page):
    from mmer_core.runs.run import CVRun

    run = CVRun.open(folder / "poor")
    rows = run.predictions()
    predicted = rows[run.probability_columns].to_numpy().argmax(axis=1)
    page = open_page(f"{results_url}?run=poor")
    page.get_by_text("What was shown, and what it was read as").wait_for()
    for shown, read in ((1, 0), (3, 2)):
        click_cell(page, "poor", shown, read)
        count = int(((rows["y_true"] == shown) & (predicted == read)).sum())
        page.get_by_text(f"{count} clips of {FOUR[shown]} read as {FOUR[read]}").wait_for()
    # While the script runs, the matrix of before, with its frame, stays beside the new one.
    expect(page.locator(".st-key-matrix-poor .shapelayer path")).to_have_count(1)
    assert page.url.endswith(f"?run=poor&cell={FOUR[3]}%2C{FOUR[2]}")
    page.go_back()
    page.get_by_text(f"clips of {FOUR[1]} read as {FOUR[0]}").wait_for()
    page.go_back()
    page.get_by_text("Click a cell of the matrix").wait_for()
    again = open_page(f"{results_url}?run=poor&cell={FOUR[1]},{FOUR[0]}")
    again.get_by_text(f"clips of {FOUR[1]} read as {FOUR[0]}").wait_for()


def test_two_ticked_runs_are_compared_and_the_address_opens_them_again(results_url, open_page):
    page = open_page(results_url)
    grid = page.locator("[class*='st-key-runs-table'] canvas").first
    grid.wait_for()
    wait_until_at_rest(page)
    for row in (0, 1):
        box = grid.bounding_box()
        page.mouse.click(
            box["x"] + 16, box["y"] + 36 + 35 * row + 17
        )  # the box before a row; header and rows are 35 pixels high
        page.wait_for_url(re.compile("run="))
        page.get_by_role("heading", level=2).wait_for()
        wait_until_at_rest(page)  # a table that is drawn anew takes no click
    page.get_by_role("heading", name="2 runs compared").wait_for()
    page.get_by_text("Is the difference more than luck?").wait_for()
    assert re.search(r"run=good(,|%2C)poor", page.url)
    again = open_page(page.url)
    again.get_by_role("heading", name="2 runs compared").wait_for()


@pytest.mark.parametrize("query", ["", "?run=good", "?run=good,poor"])
def test_the_page_does_not_scroll_sideways_on_a_phone(results_url, open_page, query):
    page = open_page(results_url + query, width=390, height=844)
    page.locator("[class*='st-key-runs-table'] canvas").first.wait_for()
    if query:
        page.locator(".js-plotly-plot").first.wait_for()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_a_matrix_can_be_taken_away(results_url, open_page):
    page = open_page(f"{results_url}?run=good")
    page.get_by_text("Figures of each emotion").click()
    with page.expect_download() as download:
        page.locator("[class*='st-key-csv-per-class-good'] button").first.evaluate("button => button.click()")
    assert download.value.suggested_filename.startswith("per-class-good")
