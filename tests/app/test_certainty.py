"""Certainty of the answer and choice of a face on the pages: unsure answers, warnings, several people.
Without a browser.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

import mmer_core.inference.observation
from mmer_core.config import ROOT
from mmer_core.labels import Modality
from mmer_core.media.speech import Transcript
from tiny_model import make_clip, make_model
from ui import models

RULE = "the largest, most central face was followed"


@pytest.fixture
def model(install_model):
    """A tiny model; every film shows two people, and the one on the left is followed."""

    def find_faces(clip):
        main = replace(make_clip().faces, people=2, rule=RULE)
        people = (
            main,
            replace(
                main,
                crops=255 - main.crops,
                boxes=main.boxes + 100,
                rule="face 2 of 2, counted from the left, was followed",
            ),
        )
        return replace(clip, faces=main, people=people)

    return install_model(make_model(), find_faces=find_faces, transcript=Transcript("what a day", (), 0.0))


@pytest.fixture
def answered(model, small_video) -> AppTest:
    """The page with the answer to a film of two people."""
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.file_uploader[0].upload("clip.mp4", small_video.read_bytes()).run()
    assert not at.exception
    return at


def headline(at: AppTest) -> str:
    return next(h.value for h in at.html if 'class="mmer-answer' in h.value)


def analysis(at: AppTest):
    """The last one: a model with another record reads again."""
    return list(at.session_state["analyses"].values())[-1]


def face_choice(at: AppTest):
    return next(c for c in at.get("button_group") if c.label == "Whose face to read")


def test_an_unsure_answer_says_so_first_and_why(answered, model):
    assert "No clear" not in headline(answered), "this model states no threshold"
    model.calibration = replace(model.calibration, unsure_below=0.999, coverage=0.8)
    answered.run()
    assert not answered.exception
    text = headline(answered)
    label = model.fuse(analysis(answered).observation).label.capitalize()
    assert "<h2>No clear emotion</h2>" in text
    assert text.index("No clear") < text.index("Closest:") < text.index(label)
    assert "We call anything below &gt;99% unsure; in our tests 4 answers in 5 were above" in text


def test_without_anything_an_unsure_prior_is_not_called_likely(answered, model):
    model.calibration = replace(model.calibration, unsure_below=0.999)
    for title in ("Words", "Voice", "Face"):
        next(t for t in answered.toggle if t.label == title).set_value(False).run()
    assert "Most frequent in training" in headline(answered)
    assert "Most likely" not in headline(answered)


def test_warnings_stand_under_the_headline_and_not_among_the_details(answered):
    assert f"may not be the one speaking: {RULE}." in headline(answered)
    assert "choose it under Face" in headline(answered)
    assert not any("faces are in view" in note.value for note in answered.info)
    next(t for t in answered.toggle if t.label == "Face").set_value(False).run()
    assert "mmer-warnings" not in headline(answered), "nobody's face counts"


def test_another_face_is_read_and_nothing_else(answered, model):
    choice = face_choice(answered)
    assert choice.help
    assert RULE[1:] in choice.help
    before = {m: e.calls for m, e in model.encoders.items()}
    first = headline(answered)
    choice.set_value(1).run()
    assert not answered.exception
    assert "face 2 of 2" in headline(answered)
    assert headline(answered) != first
    now = {m: e.calls - before[m] for m, e in model.encoders.items()}
    assert now == {Modality.TEXT: 0, Modality.AUDIO: 0, Modality.VISUAL: 1}


def test_every_face_is_read_if_asked_and_the_answer_stays(answered, model):
    first, before = headline(answered), model.encoders[Modality.VISUAL].calls
    toggle = next(t for t in answered.toggle if t.label == "Read every face")
    assert toggle.help
    toggle.set_value(True).run()
    assert not answered.exception
    assert headline(answered) == first
    assert model.encoders[Modality.VISUAL].calls == before + 1, "one of the two was read already"
    answered.run()
    assert model.encoders[Modality.VISUAL].calls == before + 1


def test_a_chosen_face_and_corrected_words_go_together(answered, model):
    found = analysis(answered)
    both = found.corrected("zzz other", 1, model)
    expected = model.follow(model.reword(found.observation, "zzz other"), 1)
    assert model.fuse(both).probabilities == model.fuse(expected).probabilities
    assert both.clip.text == "zzz other"
    assert both.clip.faces is found.observation.clip.people[1]
    before = {m: e.calls for m, e in model.encoders.items()}
    found.corrected("zzz other", 1, model)
    assert {m: e.calls for m, e in model.encoders.items()} == before, "both are kept"
    assert found.corrected(found.first_words, 0, model) is found.observation


def test_one_face_leaves_nothing_to_choose(model, small_video, monkeypatch):
    monkeypatch.setattr(
        mmer_core.inference.observation, "find_faces", lambda clip: replace(clip, faces=make_clip().faces)
    )
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.file_uploader[0].upload("clip.mp4", small_video.read_bytes()).run()
    assert not at.exception
    assert not [c for c in at.get("button_group") if c.label == "Whose face to read"]


def test_the_ablation_page_reads_the_chosen_face_too(answered, model):
    model.calibration = replace(model.calibration, unsure_below=0.999)
    face_choice(answered).set_value(1).run()
    answered.switch_page("pages/ablation.py").run()
    next(c for c in answered.get("button_group") if c.key == "of").set_value("The last clip").run()
    assert not answered.exception
    expected = model.fuse(model.follow(analysis(answered).observation, 1))
    (said,) = [m.value for m in answered.markdown if m.value.startswith("#### Unsure, perhaps")]
    assert f"{expected.label.capitalize()}, {100 * expected.probability:.1f}%" in said
