"""The Live page without a browser: what it says before anything starts, and when nothing can."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT
from mmer_core.inference.live import SessionTable
from tiny_model import make_clip, make_model
from ui import models
from ui.live.visit import LiveVisit


@pytest.fixture
def app(monkeypatch) -> AppTest:
    """The Live page with a tiny model, not run yet."""
    monkeypatch.setattr(models, "load_model", lambda folder: make_model())
    models.forget_loaded()
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.run()
    at.switch_page(str(ROOT / "pages" / "live.py"))
    yield at
    models.forget_loaded()


def said(at: AppTest) -> str:
    return " ".join(
        element.value for kind in (at.markdown, at.info, at.warning, at.error, at.caption) for element in kind
    )


def test_before_anything_starts_the_page_says_what_happens_to_picture_and_sound(app):
    app.run()
    assert not app.exception
    assert "Nothing is stored" in said(app)
    assert "Pressing Start is your consent" in said(app)
    assert not app.toggle


def test_refused_devices_are_named(app):
    visit = LiveVisit()
    visit.take(
        {"what": "start", "found": [], "problems": {"video": "NotAllowedError", "audio": "NotFoundError"}}
    )
    app.session_state["live-visit"] = visit
    app.run()
    assert not app.exception
    assert "The camera was not allowed" in said(app)
    assert "The microphone was not found" in said(app)


def test_a_connection_that_never_came_is_said(app):
    visit = LiveVisit(running=True)
    visit.fail("No connection came about: check the servers.")
    app.session_state["live-visit"] = visit
    app.run()
    assert not app.exception
    assert "No connection came about" in said(app)


def test_a_wrong_setting_of_servers_is_said_not_raised(app, monkeypatch):
    monkeypatch.setenv("MMER_ICE_SERVERS", "turn:turn.example.org")
    app.run()
    assert not app.exception
    assert "MMER_ICE_SERVERS is not JSON" in said(app)


def test_a_table_of_a_session_that_ended_is_still_there(app):
    visit = LiveVisit(table=SessionTable())
    visit.table.recording = True
    visit.table.add(0.0, make_model().fuse(make_model().observe(make_clip())), [], "I am glad", 0.3)
    visit.table.recording = False
    app.session_state["live-visit"] = visit
    app.run()
    assert not app.exception
    assert "1 row over 0:00, not going on." in said(app)


def test_a_table_ends_before_the_page_is_run_anew():
    """It may be forgotten in the same moment; a row that came meanwhile would stay."""

    def page() -> None:
        import streamlit as st

        from mmer_core.inference.live import SessionTable
        from ui.live.table import show_table
        from ui.live.visit import LiveVisit

        visit = st.session_state.setdefault("visit", LiveVisit(table=SessionTable(), running=True))
        st.text(f"{visit.table.recording}")
        show_table(visit)

    at = AppTest.from_function(page).run()
    for recording in (True, False):
        at.toggle[0].set_value(recording).run()
        assert not at.exception
        assert at.text[0].value == str(recording)
