"""Why an answer is what it is, on the Analyze page: asked for by a button. Without a browser."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from mmer_core.explanation import explain
from mmer_core.explanation.faithfulness import FILE, SCHEMA
from mmer_core.labels import Modality
from tiny_model import make_clip, make_model
from ui.about.faithfulness import faithfulness_table
from ui.analyze import why, why_charts
from ui.theme import EMOTION_COLOURS, OTHER_COLOURS

INKS = {"light": ("#1C1F26", "#FFFFFF"), "dark": ("#E8EAEF", "#12141A")}  # text and ground of the themes


def clip(**parts):
    return make_clip(text="I <b>can't</b> believe it & more", **parts)


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def explanation(model):
    return explain(model, model.observe(clip()))


def page():
    """A page with nothing but the explanation."""
    from types import SimpleNamespace

    import streamlit as st

    from ui.analyze.why import show_why

    model, observation = st.session_state["given"]
    use = st.session_state.get("use", model.modalities)
    analysis = SimpleNamespace(digest=observation.clip.digest)
    show_why(analysis, observation, model, model.fuse(observation, use))


def opened(model, given, **state) -> AppTest:
    at = AppTest.from_function(page, default_timeout=60)
    at.session_state["given"] = (model, model.observe(given))
    for name, value in state.items():
        at.session_state[name] = value
    at.run()
    assert not at.exception
    return at


def said(at: AppTest) -> str:
    return " ".join(element.value for element in (*at.markdown, *at.caption)).replace("\\", "")


@pytest.fixture(autouse=True)
def without_links(monkeypatch):
    """Links to pages need the app's navigation."""
    monkeypatch.setattr(why.st, "page_link", lambda *_, **__: None)


def test_the_answer_is_explained_when_asked(model):
    at = opened(model, clip())
    assert [button.key for button in at.button] == ["why"]
    assert "points" not in said(at)
    at.button(key="why").click().run()
    assert not at.exception
    assert not at.button
    assert f"Why {model.fuse(model.observe(clip())).label}?" in said(at)
    assert "Mostly the" in said(at)
    at.run()
    assert "Mostly the" in said(at)


def test_another_answer_has_the_button_again(model):
    at = opened(model, clip())
    at.button(key="why").click().run()
    at.session_state["use"] = (Modality.TEXT,)
    at.run()
    assert [button.key for button in at.button] == ["why"]


def test_what_was_asked_for_before_is_shown_at_once(model):
    at = opened(model, clip(), **{why._WANTED: clip().digest})
    assert not at.button
    assert "Mostly the" in said(at)


def test_nothing_read_has_no_button(model):
    assert not opened(model, clip(), use=()).button


def test_what_was_measured_as_random_is_not_shown(tmp_path):
    model = make_model(folder=tmp_path)
    chance = {"area": 0.0, "low": -0.1, "high": 0.1}
    entry = {"corpus": "x", "n": 9, "encoder": "", "telling": 0.1, "deletion": chance, "insertion": chance}
    entries = dict.fromkeys(("text", "audio", "visual"), entry)
    (tmp_path / FILE).write_text(json.dumps({"schema": SCHEMA, "modalities": entries}), encoding="utf-8")
    at = opened(model, clip())
    at.button(key="why").click().run()
    assert said(at).count("No part of it is shown: on 9 held-out clips") == 3
    assert not at.get("plotly_chart")


def test_words_are_escaped_and_tinted(explanation):
    words = explanation.words
    html = why_charts.words_html(words, "#E0A800", "joy")
    assert "<b>" not in html
    assert "&lt;b&gt;can&#x27;t&lt;/b&gt;" in html
    strong = [word for word in words.words if abs(word.points) >= why_charts.VISIBLE]
    assert html.count("<span title=") == len(strong) > 0
    assert html.count("repeating-linear-gradient") == sum(word.points < 0 for word in strong)
    assert "For joy: " in html


def luminance(rgb: np.ndarray) -> float:
    part = rgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", INKS)
@pytest.mark.parametrize("colour", [*EMOTION_COLOURS.values(), *OTHER_COLOURS, why_charts.AGAINST])
def test_text_on_the_strongest_tint_has_the_contrast_of_wcag_aa(theme, colour):
    ink, ground = (why_charts._rgb(c) for c in INKS[theme])
    tinted = why_charts.STRONGEST * why_charts._rgb(colour) + (1 - why_charts.STRONGEST) * ground
    light, dark = sorted((luminance(ink), luminance(tinted)), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_moments_are_drawn_where_they_are(explanation):
    waveform = clip().waveform
    figure = why_charts.sound_figure(explanation.sound, waveform, "#E0A800", "joy")
    bars = figure.data[0]
    assert list(bars.y) == pytest.approx([100 * m.points for m in explanation.sound.moments])
    assert bars.marker.pattern.shape == tuple("" if y >= 0 else "/" for y in bars.y)
    assert {trace.name for trace in figure.data[1:]} == {"waveform", "loudness", "pitch"}
    assert "s takes away" in why_charts.describe_sound(explanation.sound, "joy") or "adds" in figure.to_json()


def test_a_face_is_bright_where_it_matters(explanation):
    frame = explanation.face.frames[0]
    cells = np.zeros_like(frame.cells)
    cells[0, 0], cells[5, 5] = 1.0, -1.0
    crop = np.full((112, 112, 3), 200, np.uint8)
    image = why_charts.face_image(crop, replace(frame, cells=cells), "#E0A800")
    assert image.shape == (160, 160, 3)
    assert image.dtype == np.uint8
    assert image[80, 80].max() < image[5, 5].max()
    assert image[5, 5, 0] > image[5, 5, 2]  # the emotion's colour is yellow
    assert len(np.unique(image[-12:, -12:].reshape(-1, 3), axis=0)) > 1  # hatched


def test_figures_of_faithfulness_are_a_table(tmp_path):
    from mmer_core.explanation.faithfulness import Faithfulness

    one = Faithfulness("some clips", 50, (0.1, -0.02, 0.12), (0.2, 0.1, 0.3), 0.9, current=False)
    table = faithfulness_table({Modality.AUDIO: one})
    assert "10.0 [−2.0, 12.0]" in table
    assert "earlier version" in table
    assert "90%" in table
