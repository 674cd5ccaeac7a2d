"""People over the playing video: what the player is told, whose answers are shown, the video to take away."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import mmer_core.recordings
from mmer_core.config import ROOT
from mmer_core.inference.timeline import Timeline
from mmer_core.labels import Modality
from mmer_core.media.colours import PERSON_COLOURS
from mmer_core.media.film import Stopped
from mmer_core.media.speech import Transcript
from mmer_core.recordings import Recording, Utterance
from mmer_core.recordings.exports import film
from mmer_core.recordings.people import FaceEmotion, Person, Sight
from tiny_model import make_clip, make_model
from ui import models
from ui.analyze.clip_people import PAUSE, emotions_over_time, sights_of
from ui.analyze.people import _within, said_by
from ui.analyze.person_view import describe_person, person_figure, utterances_of
from ui.analyze.recording_view import TABLE
from ui.analyze.window import Window

NOTE = "only the first 60 s of this clip were used"
BOX = (0.1, 0.1, 0.3, 0.4)
ANN = Person(
    0,
    (Sight((0.0, 2.0), (BOX, BOX)), Sight((90.0, 95.0), (BOX, BOX))),
    (FaceEmotion(0.0, 2.0, "joy", 0.62), FaceEmotion(90.0, 92.0, "anger", 0.3)),
    speaker=1,
    speaker_probability=0.9,
)
BEN = Person(2, (Sight((60.0, 75.0), (BOX, BOX)),))


@pytest.fixture
def model(install_model, monkeypatch):
    frames = np.zeros((3, 100, 200, 3), np.uint8)
    clip = replace(make_clip(), notes=(NOTE,), whole=120.0, frames=frames, times=np.arange(3) / 4)
    monkeypatch.setattr("ui.analyze.analysis.load_upload", lambda data, name, **_: clip)
    return install_model(make_model(), transcript=Transcript("", (), 0.0))


@pytest.fixture
def app(model, monkeypatch) -> AppTest:
    """The Analyze page with a recording that was read: Ann, who speaks once, and Ben."""

    def read(path, model, **_):
        said = (
            Utterance(0.0, 2.0, 0, words="not seen"),
            Utterance(70.0, 72.0, 1, words="by her voice"),
            Utterance(90.0, 92.0, None, words="by her face", face=0, face_probability=0.8),
        )
        return Recording("recording", 0, 120, said, True, (), model.labels, model.identity, (ANN, BEN))

    monkeypatch.setattr(mmer_core.recordings, "read_recording", read)
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.file_uploader[0].upload("talk.mp4", b"bytes of a talk").run()
    at.button(key="whole-read").click().run()
    (job,) = at.session_state["recordings"].values()
    wait_until(lambda: job.ended)
    return at.run()


def wait_until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def told(at: AppTest) -> dict:
    """What the player's overlay is given."""
    (found,) = [e.proto for e in at.get("bidi_component") if e.proto.component_name.endswith("mmer_people")]
    return json.loads(found.json)


def key_of(at: AppTest) -> str:
    return f"person-whole-{at.session_state['source'].digest[:12]}"


def words(at: AppTest) -> list[str]:
    next(g for g in at.get("button_group") if g.label == "What to list").set_value(TABLE).run()
    assert not at.exception
    return at.dataframe[-1].value["Words"].tolist()


def test_the_player_is_told_who_is_where_and_what_they_say(app):
    data = told(app)
    assert [p["name"] for p in data["people"]] == ["Face 1", "Face 3"]
    assert [p["colour"] for p in data["people"]] == [PERSON_COLOURS[0], PERSON_COLOURS[2]]
    assert data["people"][0]["sights"][1] == {"times": [90.0, 95.0], "boxes": [list(BOX), list(BOX)]}
    assert data["people"][0]["says"] == [
        [0.0, 2.0, "😊 Joy 62%"],
        [90.0, 92.0, "Unsure, perhaps 😠 Anger 30%"],
    ]
    assert data["captions"][1] == [70.0, 72.0, "Speaker 2: by her voice"]


def test_the_name_of_a_voice_is_that_of_the_face(app):
    next(t for t in app.text_input if t.label == "Speaker 2").set_value("Ann <b>").run()
    app.run()
    assert told(app)["people"][0]["name"] == "Ann <b>"
    assert told(app)["captions"][1][2] == "Ann <b>: by her voice"


def test_a_chosen_person_is_shown_alone_until_everybody_is(app):
    assert words(app) == ["not seen", "by her voice", "by her face"]
    app.session_state[key_of(app)] = 0
    assert words(app.run()) == ["by her voice", "by her face"]
    assert told(app)["chosen"] == 0
    assert any("Face 1" in m.value for m in app.markdown)
    app.button(key=f"everybody-{key_of(app)}").click().run()
    assert words(app) == ["not seen", "by her voice", "by her face"]


def test_a_person_whose_face_says_nothing_is_shown_without_a_figure(app):
    app.session_state[key_of(app)] = 2
    app.run()
    assert not app.exception
    assert any("was not read" in c.value for c in app.caption)


def film_button(at: AppTest):
    return at.button(key=f"film-{key_of(at)}")


def test_the_video_is_made_when_asked_and_offered_when_it_is_made(app, monkeypatch):
    asked = {}

    def write_film(recording, source, out, *, progress, stop, **rest):
        asked.update(rest, bytes=source.read_bytes(), out=out)
        progress(60.0)
        out.write_bytes(b"film")
        return ("the film has no sound",)

    monkeypatch.setattr(film, "write_film", write_film)
    film_button(app).click().run()
    ((_, job),) = app.session_state["films"].values()
    wait_until(lambda: job.ended)
    app.run()
    assert not app.exception
    assert asked["bytes"] == b"bytes of a talk"
    assert asked["called"] == {0: "Face 1", 2: "Face 3"}
    assert job.done == 0.5
    assert any("The film has no sound" in c.value for c in app.caption)
    assert any(b.label.startswith("Save the video") for b in app.get("download_button"))
    next(t for t in app.text_input if t.label == "Speaker 2").set_value("Ann").run()
    assert film_button(app), "with other names it is another video"


def test_the_video_can_be_cancelled_and_its_failure_is_one_sentence(app, monkeypatch):
    begun = threading.Event()

    def write_film(recording, source, out, *, progress, stop, **_):
        begun.set()
        wait_until(stop)
        raise Stopped("stopped")

    monkeypatch.setattr(film, "write_film", write_film)
    film_button(app).click().run()
    assert begun.wait(10)
    ((_, job),) = app.session_state["films"].values()
    app.button(key=f"film-cancel-{key_of(app)}").click().run()
    wait_until(lambda: job.ended)
    assert job.path is None
    app.run()
    monkeypatch.setattr(film, "write_film", lambda *_, **__: {}["x"])
    film_button(app).click().run()
    ((_, job),) = app.session_state["films"].values()
    wait_until(lambda: job.ended)
    app.run()
    assert any("KeyError" in e.value for e in app.error)


def test_only_what_the_player_holds_is_sent():
    found = _within(ANN, "Ann", Window(50.0, 350.0))
    assert [s["times"] for s in found["sights"]] == [(90.0, 95.0)]
    assert [row[0] for row in found["says"]] == [90.0]


def test_the_faces_of_a_clip_are_shares_of_its_pictures():
    track = make_clip(faces=4).faces
    times = np.array([0.0, 0.25, 0.5, 0.5 + PAUSE + 0.1])
    boxes = np.array([[20, 10, 60, 60], [30, 10, 70, 60], [30, 10, 70, 60], [-5, 0, 250, 50]], np.float32)
    first, lone = sights_of(replace(track, times=times, boxes=boxes), 200, 100)
    assert first.times == (0.0, 0.25, 0.5)
    assert first.boxes[0] == (0.1, 0.1, 0.3, 0.6)
    assert first.box(0.125) == pytest.approx((0.125, 0.1, 0.325, 0.6))
    assert lone.times[1] > lone.times[0], "long enough to be seen"
    assert lone.boxes[0] == (0.0, 0.0, 1.0, 0.5)


def test_the_face_over_time_is_that_of_the_timeline():
    rows = np.array([[0.7, 0.3], [np.nan, np.nan]])
    edges = np.array([0.0, 1.0, 2.0])
    timeline = Timeline(edges[:-1], edges[1:], edges, ("joy", "anger"), {Modality.VISUAL: rows}, rows, {})
    assert emotions_over_time(timeline) == [FaceEmotion(0.0, 1.0, "joy", 0.7)]


def test_a_person_in_figures_and_words():
    said = (Utterance(0, 1, 1), Utterance(1, 2, 0), Utterance(2, 3, None, face=0), Utterance(3, 4))
    assert [u.start for u in utterances_of(ANN, said)] == [0, 2]
    assert utterances_of(BEN, said) == (), "nobody's voice is not Ben's"
    figure = person_figure(ANN, ("anger", "joy"), (0.0, 120.0))
    assert [(bar.name, bar.marker.opacity) for bar in figure.data] == [
        ("😠 Anger", (0.45,)),
        ("😊 Joy", (1.0,)),
    ]
    assert list(figure.layout.xaxis.range) == [0.0, 120.0]
    assert describe_person(ANN, "Ann") == "What the face of Ann says over time: joy 50%, anger 50%"
    assert said_by(ANN.emotions[1]) == "Unsure, perhaps 😠 Anger 30%"
