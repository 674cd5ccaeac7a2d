"""Every page by keyboard, on a phone and in both themes: the bar of pages, the switch of the theme, and the
rules of WCAG 2 A and AA as axe-core checks them.
"""

from __future__ import annotations

import itertools
import re
from importlib import resources

import pytest
from browser.rest import wait_until_at_rest
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.xdist_group("accessibility")]

AXE = resources.files("axe_playwright_python") / "axe.min.js"
TITLES = {
    "Analyze": "What emotion is in this clip?",
    "Live": "What emotion is showing now?",
    "Results": "What was right, and what was not",
    "Ablation": "What is each modality worth?",
    "Train": "Train fusion models on your data",
    "About": "About the model and its limits",
}
RUNS = "ravdess-8-early%2Cravdess-8-mmb"
#: {state of the app: its address}; a page's name alone is reached by the bar.
STATES = {
    "analyze": "",
    "answer": "",
    "live": "live",
    "ablation": "ablation",
    "train": "train",
    "about": "about",
    "run": "results?run=ravdess-8-early",
    "comparison": f"results?run={RUNS}",
}
VIOLATIONS = """() => axe.run(document, {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
  resultTypes: ["violations"],
}).then(found => found.violations.map(v => v.id + ": " + v.nodes.map(
  n => n.target.join(" ") + " " + n.failureSummary.split("\\n")[1]).join(" | ")))"""
#: Contrast of the texts beside the axes of figures with the page, which axe leaves out since they are SVG.
FAINT = """() => {
  const linear = v => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = light(getComputedStyle(document.querySelector(".stApp")).backgroundColor);
  const texts = [...document.querySelectorAll(".xtick text, .ytick text, .xtitle, .ytitle, .legendtext")];
  return texts.filter(text => {
    const ink = light(getComputedStyle(text).fill);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05) < 4.5;
  }).map(text => text.textContent);
}"""
OUTLINE = """() => {
  let here = document.activeElement;
  while (here.shadowRoot?.activeElement) here = here.shadowRoot.activeElement;
  const style = getComputedStyle(here);
  return [here.tagName, here.textContent.slice(0, 40), style.outlineStyle, parseFloat(style.outlineWidth)];
}"""


def settle(page) -> None:
    """Wait for the page to be at rest, its models loaded and its bar complete."""
    page.get_by_text("The model is loading").wait_for(state="detached")
    wait_until_at_rest(page)
    bar(page).locator("[aria-current=page]").wait_for()


def bar(page):
    return page.get_by_role("navigation", name="Pages")


def visit(page, name: str) -> None:
    """Go to a page by the bar."""
    bar(page).get_by_role("link", name=name).click()
    page.get_by_role("heading", level=1, name=TITLES[name]).wait_for()
    settle(page)


def show(page, app_url: str, state: str) -> None:
    """Bring the page into one of the states."""
    if state.title() in TITLES and page.url != "about:blank":
        visit(page, state.title())
    else:
        if page.url != "about:blank":  # else the last answer would come back, a moment after the page
            page.evaluate("sessionStorage.clear()")
        page.goto(f"{app_url}/{STATES[state]}")
        page.get_by_role("heading", level=1).wait_for()
        settle(page)
    if state == "answer":
        words = page.get_by_role("textbox", name="Type what someone said")
        words.fill("I am so glad that you came all this way!")
        words.press("Enter")
        page.locator(".mmer-answer").wait_for()
        settle(page)
    if state in ("answer", "run", "comparison", "ablation"):
        page.locator(".js-plotly-plot").first.wait_for()


def choose_theme(page, choice: str) -> None:
    page.get_by_label("Theme").select_option(choice)
    expect(page.locator(".stApp")).to_have_css(
        "background-color", "rgb(18, 20, 26)" if choice == "Dark" else "rgb(255, 255, 255)"
    )
    page.wait_for_timeout(300)  # the run that draws figures anew begins a moment later
    settle(page)


def violations(page) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    return page.evaluate(VIOLATIONS) + [f"faint in a figure: {text}" for text in page.evaluate(FAINT)]


@pytest.fixture(scope="module")
def desk(open_page, app_url):
    return open_page(app_url)


@pytest.fixture(scope="module")
def phone(open_page, app_url):
    return open_page(app_url, width=390, scheme="dark")


@pytest.mark.parametrize("state", STATES)
def test_no_rule_is_broken_in_either_theme(desk, app_url, state):
    show(desk, app_url, state)
    first = "Dark" if desk.get_by_label("Theme").input_value() == "Dark" else "Light"
    assert violations(desk) == [], first
    other = "Light" if first == "Dark" else "Dark"
    choose_theme(desk, other)
    assert violations(desk) == [], other


@pytest.mark.parametrize("state", ["answer", "run", "about"])
def test_no_rule_is_broken_on_a_phone_and_nothing_scrolls_sideways(phone, app_url, state):
    show(phone, app_url, state)
    assert violations(phone) == []
    assert phone.get_by_test_id("stMain").evaluate("e => e.scrollWidth") <= 390
    if state == "about":
        assert phone.get_by_test_id("stMain").evaluate("e => e.scrollHeight") < 5000
        levels = phone.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map(e => +e.tagName[1])")
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), levels


def test_on_a_phone_every_page_is_one_tap_away(phone, app_url):
    for name in TITLES:
        link = bar(phone).get_by_role("link", name=name)
        box = link.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["height"] >= 36
        visit(phone, name)
        expect(bar(phone).locator("[aria-current=page]")).to_have_text(re.compile(f"{name}$"))
    phone.get_by_test_id("stMain").evaluate("e => e.scrollTo(0, 2000)")
    bar(phone).get_by_role("link", name="Live").click(trial=True)  # still in reach


def test_the_theme_is_kept_over_pages_and_reload_and_costs_no_clip(desk, app_url):
    show(desk, app_url, "answer")
    choose_theme(desk, "Light")
    choose_theme(desk, "Dark")
    desk.locator(".mmer-answer").wait_for()
    ink = desk.locator(".js-plotly-plot .ytick text").first.evaluate("e => getComputedStyle(e).fill")
    assert min(map(int, re.findall(r"\d+", ink)[:3])) > 150, "figures follow"
    visit(desk, "About")
    desk.reload()
    expect(desk.locator(".stApp")).to_have_css("background-color", "rgb(18, 20, 26)")
    expect(desk.get_by_label("Theme")).to_have_value("Dark")
    choose_theme(desk, "System")


def test_the_keyboard_skips_the_bar_and_shows_where_it_is(desk, app_url):
    desk.goto(f"{app_url}/live")
    settle(desk)
    desk.keyboard.press("Tab")
    expect(desk.get_by_role("link", name="Skip to main content")).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", level=1)).to_be_focused()
    desk.keyboard.press("Tab")
    assert "Analyze" not in desk.evaluate(OUTLINE)[1]
    desk.get_by_role("link", name="Skip to main content").focus()
    seen = []
    for _ in range(12):
        desk.keyboard.press("Tab")
        seen.append(desk.evaluate(OUTLINE))
    assert "SELECT" in [kind for kind, *_ in seen], seen
    for kind, text, style, width in seen:
        assert kind in ("MAIN", "BODY") or (style != "none" and width >= 2), (kind, text, style, width)
    bar(desk).get_by_role("link", name="Train").focus()
    desk.keyboard.press("Enter")
    desk.get_by_role("heading", name=TITLES["Train"]).wait_for()


def test_the_runs_in_view_survive_a_look_at_other_pages_and_back_goes_one_step(desk, app_url):
    show(desk, app_url, "comparison")
    visit(desk, "About")
    visit(desk, "Results")
    expect(desk).to_have_url(f"{app_url}/results?run={RUNS}")
    desk.go_back()
    desk.get_by_role("heading", level=1, name=TITLES["About"]).wait_for()
    desk.go_back()
    desk.get_by_role("heading", level=1, name=TITLES["Results"]).wait_for()
    expect(desk).to_have_url(f"{app_url}/results?run={RUNS}")
