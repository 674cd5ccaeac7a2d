"""The choice of what hears the words."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT
from mmer_core.media.speech import Transcript
from tiny_model import make_model
from ui import model_choice, models


@pytest.fixture
def page(install_model, monkeypatch):
    """A function that opens the app where these recognisers are on the machine."""

    def open_page(*names: str) -> AppTest:
        install_model(make_model(), transcript=Transcript("", (), 0.0))
        monkeypatch.setattr(model_choice, "usable", lambda: ("default",))
        monkeypatch.setattr(model_choice, "recognisers", lambda: names)
        models.model_loader().wait()
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
        assert not at.exception
        return at

    return open_page


def choice(at: AppTest):
    return next((group for group in at.get("button_group") if group.label == "Words heard by"), None)


def test_the_recogniser_chosen_is_that_of_the_model(page):
    at = page("moonshine", "whisper-base")
    assert choice(at).value == "moonshine"
    assert choice(at).options == ["Moonshine tiny", "Whisper base"]
    choice(at).set_value("whisper-base").run()
    assert not at.exception
    assert choice(at).value == "whisper-base"
    assert at.session_state["words-from"] == "whisper-base"


def test_live_offers_none(page):
    at = page("moonshine", "whisper-base")
    at.switch_page(str(ROOT / "pages" / "live.py")).run()
    assert not at.exception
    assert choice(at) is None


def test_where_only_one_works_there_is_no_choice(page):
    assert choice(page("moonshine")) is None


def test_the_loader_shares_the_model_and_a_wrong_variable_is_a_sentence(install_model, monkeypatch):
    import streamlit as st

    made = install_model(make_model())
    monkeypatch.setattr(st, "session_state", {})
    assert models.chosen_recogniser() == "moonshine"
    assert models.model_loader().wait() is made
    models.use_recogniser("whisper-base")
    other = models.model_loader().wait()
    assert (models.chosen_recogniser(), other.words_from) == ("whisper-base", "whisper-base")
    assert other.encoders is made.encoders
    models.use_recogniser("sphinx")
    with pytest.raises(models.ModelUnavailable, match="no recogniser is called sphinx"):
        models.model_loader().wait()
    monkeypatch.setattr(st, "session_state", {})
    monkeypatch.setenv("MMER_WORDS_FROM", "sphinx")
    assert models.chosen_recogniser() == "moonshine"
