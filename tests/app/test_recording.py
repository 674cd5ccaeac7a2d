"""A recording that is longer than a clip: read in the background when asked, a line for each utterance."""

from __future__ import annotations

import gc
import threading
import time
from dataclasses import replace

import pytest
from streamlit.testing.v1 import AppTest

import mmer_core.recordings
from mmer_core.config import ROOT
from mmer_core.media.loading import MediaError
from mmer_core.media.speech import Transcript
from mmer_core.recordings import Progress, Recording, Utterance
from tiny_model import make_clip, make_model
from ui import models
from ui.analyze.recording import line_of, speaker_name, utterance_table
from ui.analyze.recording_job import RecordingJob
from ui.analyze.source import Source

NOTE = "only the first 60 s of this clip were used"


@pytest.fixture
def model(install_model, monkeypatch):
    """A tiny model; every file is the beginning of a longer one."""
    monkeypatch.setattr(
        "ui.analyze.analysis.load_upload", lambda data, name: replace(make_clip(), notes=(NOTE,))
    )
    return install_model(make_model(), transcript=Transcript("", (), 0.0))


def utterance(model, start: float, **changes) -> Utterance:
    prediction = model.fuse(model.observe(make_clip(text=f"said at {start:g}")))
    return Utterance(start, start + 2, words=f"said at {start:g}", prediction=prediction, **changes)


@pytest.fixture
def reading(model, monkeypatch):
    """What stands for the reading of a recording: two utterances, the second after `go`."""
    go, asked = threading.Event(), {}

    def read(path, model, *, speakers, progress, found, stop):
        asked.update(path=path, bytes=path.read_bytes(), speakers=speakers, folder=path.parent)
        spoken = [utterance(model, 0.0, speaker=0), utterance(model, 70.0, speaker=1, overlapped=True)]
        found(spoken[0])
        progress(Progress("utterances", 60.0, 120.0, 8.0))
        while not go.wait(0.01):
            if stop():
                return Recording("recording", 0, 60, (spoken[0],), False, ("stopped",), model.labels)
        found(spoken[1])
        return Recording("recording", 0, 120, tuple(spoken), True, (), model.labels, model.identity)

    monkeypatch.setattr(mmer_core.recordings, "read_recording", read)
    return go, asked


@pytest.fixture
def app(model) -> AppTest:
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.file_uploader[0].upload("talk.mp4", b"bytes of a talk").run()
    assert not at.exception
    return at


def start(at: AppTest) -> RecordingJob:
    at.button(key="whole-read").click().run()
    assert not at.exception
    (job,) = at.session_state["recordings"].values()
    return job


def wait_until(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def text(at: AppTest) -> str:
    return " ".join(e.value for e in (*at.markdown, *at.caption, *at.info, *at.error))


def test_a_short_clip_has_no_such_section(model, monkeypatch):
    monkeypatch.setattr("ui.analyze.analysis.load_upload", lambda data, name: make_clip())
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.file_uploader[0].upload("clip.mp4", b"x").run()
    assert "The whole recording" not in text(at)


def test_it_is_read_when_asked_and_shown_while_it_is_read(app, reading):
    go, asked = reading
    assert "The whole recording" in text(app)
    job = start(app)
    wait_until(lambda: job.progress is not None)
    app.run()
    assert app.button(key="whole-stop").help
    assert asked["bytes"] == b"bytes of a talk"
    assert "talk" not in str(asked["path"]), "no path is built from a person's file name"
    go.set()
    wait_until(lambda: job.ended)
    app.run()
    assert not app.exception
    assert job.recording.name == "talk.mp4"
    table = app.dataframe[-1].value
    assert table["Speaker"].tolist() == ["Speaker 1", "Speaker 2"]
    assert table["Note"].tolist() == ["", "spoken over by another"]
    assert not asked["folder"].exists(), "the file is gone when it was read"


def test_speakers_are_told_apart_unless_switched_off(app, reading):
    go, asked = reading
    go.set()
    next(t for t in app.toggle if t.label == "Tell speakers apart").set_value(False).run()
    job = start(app)
    wait_until(lambda: job.ended)
    assert asked["speakers"] is None


def test_a_stopped_reading_keeps_what_was_read(app, reading):
    job = start(app)
    wait_until(lambda: job.progress is not None)
    app.run()
    app.button(key="whole-stop").click().run()
    wait_until(lambda: job.ended)
    app.run()
    assert [u.start for u in job.recording.utterances] == [0.0]
    assert "Stopped." in text(app)


def test_speakers_have_the_names_that_are_given(app, reading):
    reading[0].set()
    job = start(app)
    wait_until(lambda: job.ended)
    app.run()
    next(t for t in app.text_input if t.label == "Speaker 2").set_value("Ann").run()
    assert app.dataframe[-1].value["Speaker"].tolist() == ["Speaker 1", "Ann"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MediaError("recording breaks off at once: give another"), "Recording breaks off"),
        (KeyError("x"), "KeyError"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(app, monkeypatch, error, sentence):
    def fail(path, model, **options):
        raise error

    monkeypatch.setattr(mmer_core.recordings, "read_recording", fail)
    job = start(app)
    wait_until(lambda: job.ended)
    app.run()
    assert not app.exception
    assert sentence in app.error[0].value
    assert "Traceback" not in app.error[0].value


def test_a_job_that_nobody_holds_ends(model, reading):
    held = [RecordingJob(Source("talk.mp4", b"x"), model, apart=False)]
    wait_until(lambda: held[0].progress is not None)
    (thread,) = (t for t in threading.enumerate() if t.name == "recording")
    held.clear()
    gc.collect()
    thread.join(20)
    assert not thread.is_alive()


def test_a_line_says_who_what_and_how_sure(model):
    said = utterance(model, 3.0, speaker=0, overlapped=True)
    line = line_of(said, {0: "Ann <b>"})
    assert line.startswith("Ann <b> (spoken over): ")
    assert "“said at 3”" in line
    assert speaker_name(replace(said, speaker=None), {}) == ""
    silent = Utterance(0.0, 1.0, reason="nobody is seen or heard")
    assert line_of(silent, {}) == "nobody is seen or heard"
    assert utterance_table([silent], {})["Emotion"].tolist() == [""]
