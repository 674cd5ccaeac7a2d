"""The clips of a visit: a strip to go back to, a reload that keeps them, two side by side, the progress."""

from __future__ import annotations

import gc
import re

import pytest
import streamlit as st
from media_factory import write_sound
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT
from mmer_core.inference.prediction import Prediction
from mmer_core.labels import Modality
from ui import models
from ui.analyze import progress, visit
from ui.analyze.comparison import difference
from ui.analyze.source import Source
from ui.analyze.strip import name_of


def open_app() -> AppTest:
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    assert not at.exception
    return at


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click().run()
    assert not at.exception
    return at


def say(at: AppTest, words: str) -> AppTest:
    at.text_input[0].set_value(words)
    next(b for b in at.button if b.label == "Analyze text").click().run()
    assert not at.exception
    return at


def strip(at: AppTest):
    return next((p for p in at.get("button_group") if p.label == "This visit's clips"), None)


def quoted(at: AppTest) -> str:
    return " ".join(re.sub("<[^>]+>", "", h.value) for h in at.html if 'class="mmer-quote"' in h.value)


def test_the_strip_leads_back(model):
    at = say(open_app(), "the first thing said")
    assert strip(at) is None, "one clip needs none"
    say(at, "the second thing said")
    calls = model.encoders[Modality.TEXT].calls
    first = next(s for s in at.session_state["visit"].sources if s.text == "the first thing said")
    strip(at).set_value(first.digest).run()
    assert not at.exception
    assert quoted(at) == "the first thing said"
    assert model.encoders[Modality.TEXT].calls == calls, "what was read is kept"


def test_the_strip_is_bounded(model):
    at = open_app()
    for i in range(visit.LONGEST_STRIP + 2):
        say(at, f"sentence {i}")
    assert len(at.session_state["visit"].sources) == visit.LONGEST_STRIP


def test_big_clips_push_the_oldest_out(monkeypatch, model):
    monkeypatch.setattr(visit, "LARGEST_STRIP", 40)
    at = open_app()
    for i in range(3):
        at.session_state["source"] = Source(f"{i}.wav", bytes([i]) * 30)
        at.run()
    assert [s.name for s in at.session_state["visit"].sources] == ["2.wav"]


def test_forgetting_leaves_nothing(model):
    at = say(open_app(), "to be forgotten")
    press(at, "forget-clips")
    assert not quoted(at)
    assert not at.session_state["analyses"]
    assert not at.session_state["visit"].sources


def reload(before: AppTest, monkeypatch, name: str | None = None) -> AppTest:
    """A new session whose tab names the visit before it, as the page's script does."""
    after = open_app()
    own = after.session_state["visit"]
    state = {"visit": own, "analyses": own.analyses, "source": None}
    monkeypatch.setattr(st, "session_state", state)
    visit.go_on_with(name or before.session_state["visit"].name)
    monkeypatch.undo()
    after.session_state["source"] = state["source"]
    return after.run()


def test_a_reload_keeps_the_clips_of_the_visit(model, monkeypatch):
    before = say(open_app(), "said before the reload")
    calls = model.encoders[Modality.TEXT].calls
    after = reload(before, monkeypatch)
    assert quoted(after) == "said before the reload"
    assert model.encoders[Modality.TEXT].calls == calls, "what was read is kept, too"
    assert after.session_state["visit"].name == before.session_state["visit"].name
    assert after.session_state["visit"] is not before.session_state["visit"], "windows don't move each other"
    assert not after.session_state["visit"].fresh
    assert after.session_state["visit"].before == (before.session_state["visit"].session,), "to be forgotten"


def test_another_name_leads_nowhere(model, monkeypatch):
    before = say(open_app(), "a secret")
    other = reload(before, monkeypatch, "guessed")
    assert not quoted(other)
    assert not other.session_state["visit"].sources


def test_a_visit_ends_with_its_session():
    own = visit.Visit("a name", [Source("x", b"x")])
    visit._visits["a name"] = own
    del own
    gc.collect()
    assert "a name" not in visit._visits


def test_two_clips_stand_side_by_side(model):
    at = say(open_app(), "one thing")
    say(at, "quite another thing")
    other = next(s for s in at.session_state["visit"].sources if s.text == "one thing")
    press(at, f"compare-{other.digest[:16]}")
    assert quoted(at) == "quite another thing one thing"
    assert sum('<div class="mmer-answer' in h.value for h in at.html) == 2
    press(at, "compare-end")
    assert quoted(at) == "quite another thing"


def test_a_clip_is_compared_with_a_sample(model):
    at = say(open_app(), "one thing")
    (key,) = (b.key for b in at.button if str(b.key).startswith("compare-") and "sad words" in b.label)
    press(at, key)
    assert sum('<div class="mmer-answer' in h.value for h in at.html) == 2


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"joy": 0.7, "fear": 0.3}, {"joy": 0.6, "fear": 0.4}, "Both are closest to joy (70% and 60%)."),
        (
            {"joy": 0.7, "fear": 0.3},
            {"joy": 0.2, "fear": 0.8},
            "a: joy; b: fear. They differ most in joy (70% against 20%).",
        ),
    ],
)
def test_the_difference_is_told(first, second, expected):
    def given(p):
        label = max(p, key=p.get)
        return Prediction(label, p[label], p, {}, {}, {})

    assert difference("a", given(first), "b", given(second)) == expected


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (Source("holiday.mp4", b"x"), "holiday.mp4"),
        (Source("your sentence", text="I am glad"), "“I am glad”"),
        (Source("x" * 60 + ".mp4", b"x"), "x" * 23 + "…"),
    ],
)
def test_a_clip_is_called_by_its_name(source, name):
    assert name_of(source) == name


def test_while_it_reads_it_says_what_is_left_and_what_was_found(model, tmp_path, monkeypatch):
    """The lines of the progress, which are gone at the end."""
    told: list[str] = []
    real = progress.Progress._show

    def show(self):
        real(self)
        told.append(self._said() + f"|{self._step}|{sum(map(self._expected, self._steps)):.1f}")

    monkeypatch.setattr(progress.Progress, "_show", show)
    at = open_app()
    write_sound(tmp_path / "tone.wav", seconds=3.0)
    at.file_uploader[0].upload("tone.wav", (tmp_path / "tone.wav").read_bytes()).run()
    assert not at.exception
    steps = [line.split("|")[1] for line in told]
    assert steps[0] in ("models", "read")
    assert "speech" in steps
    assert any("<h3>Voice</h3>" in line for line in told), "the first finished modality is shown at once"


def test_cancel_gives_up_the_clip(model):
    at = open_app()
    at.session_state["source"] = Source("x.wav", b"x")
    shown = progress.Progress.__exit__
    try:
        progress.Progress.__exit__ = lambda self, *error: None  # leave the display on the page
        at.run()
        press(at, "cancel")
    finally:
        progress.Progress.__exit__ = shown
    assert at.session_state["source"] is None


def test_times_are_learned(monkeypatch):
    monkeypatch.setattr(progress, "_pace", lambda: pace)
    pace = {"faces": 2.0}
    display = progress.Progress()
    display.knows(10.0, (Modality.VISUAL,))
    fixed, per_second = progress._COSTS["faces"]
    assert display._expected("faces") == pytest.approx(2 * (fixed + 10 * per_second))
    assert "speech" not in display._steps, "a model that only sees does not listen"
