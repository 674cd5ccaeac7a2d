"""When a page is at rest."""

from __future__ import annotations


def wait_until_at_rest(page) -> None:
    """Until the page's script has ended: a redraw would take a button away amid the click, or a focus."""
    page.locator("[data-test-script-state='notRunning']").wait_for()
