"""The bar of pages: a link to each, with what its address asked for when it was last seen."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT
from tiny_model import make_model


@pytest.fixture
def app(install_model) -> AppTest:
    install_model(make_model())
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)


def bar(at: AppTest) -> dict[str, str]:
    """{title of a page: the query of its link}."""
    return {link.proto.label: link.proto.query_string for link in at.get("page_link")}


def test_every_page_has_a_link(app):
    app.run()
    assert not app.exception
    assert list(bar(app)) == ["Analyze", "Live", "Results", "Ablation", "Train", "About"]
    assert set(bar(app).values()) == {""}


def test_what_the_address_of_a_page_asks_for_is_remembered(app):
    app.run()
    app.switch_page("pages/about.py")
    app.query_params["run"] = ["one", "two"]
    app.run()
    assert not app.exception
    assert app.session_state["addresses"]["About"] == {"run": ["one", "two"]}


def test_a_link_leads_back_to_it(app):
    app.session_state["addresses"] = {"Results": {"run": ["one", "two"]}}
    app.run()
    assert bar(app)["Results"] == "run=one&run=two"
    assert bar(app)["Train"] == ""
