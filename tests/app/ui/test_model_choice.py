"""The choice between the shipped models."""

import pytest
from streamlit.testing.v1 import AppTest

from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT, ROOT
from tiny_model import make_model
from ui import model_choice, models


@pytest.fixture
def folders(monkeypatch):
    """Two models that work; the folders that were loaded."""
    loaded = []

    def load(folder):
        loaded.append(folder)
        return make_model(seed=len(loaded))

    monkeypatch.setattr(models, "load_model", load)
    monkeypatch.setattr(model_choice, "usable", lambda: ("default", "large"))
    monkeypatch.setattr(model_choice, "_difference", lambda: "It reads words better.")
    models.forget_loaded()
    models.loader_of(DEFAULT_CHECKPOINT).wait()
    yield loaded
    models.forget_loaded()


def choice(at: AppTest):
    return next((group for group in at.get("button_group") if group.label == "Model"), None)


def test_the_model_chosen_is_loaded_and_stays_on_other_pages(folders):
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    assert choice(at).value == "default"
    assert choice(at).help == "It reads words better."
    choice(at).set_value("large").run()
    assert not at.exception
    models.loader_of(LARGE_CHECKPOINT).wait()
    assert folders == [DEFAULT_CHECKPOINT, LARGE_CHECKPOINT]
    at.switch_page(str(ROOT / "pages" / "live.py")).run()
    assert choice(at).value == "large"
    at.switch_page(str(ROOT / "pages" / "analyze.py")).run()
    at.button(key="sample-arrival").click().run()
    assert not at.exception
    assert folders == [DEFAULT_CHECKPOINT, LARGE_CHECKPOINT], "nothing is loaded twice"
    choice(at).set_value("default").run()
    assert not at.exception


@pytest.mark.parametrize("page", ["analyze.py", "live.py"])
def test_where_only_one_works_there_is_no_choice(folders, monkeypatch, page):
    monkeypatch.setattr(model_choice, "usable", lambda: ("default",))
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.switch_page(str(ROOT / "pages" / page)).run()
    assert choice(at) is None
    assert not at.exception
    assert not at.error
