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
from ui.analyze import recording
from ui.analyze.recording import NEWEST, progress_line
from ui.analyze.recording_job import Order, RecordingJob
from ui.analyze.recording_report import recording_report
from ui.analyze.recording_view import SAID, TABLE, _written
from ui.analyze.source import Source
from ui.analyze.utterance_lines import line_of, row_of, utterance_table, who_speaks

NOTE = "only the first 60 s of this clip were used"


@pytest.fixture
def model(install_model, monkeypatch):
    """A tiny model; every file is the beginning of a longer one."""
    monkeypatch.setattr(
        "ui.analyze.analysis.load_upload",
        lambda data, name, **_: replace(make_clip(), notes=(NOTE,), whole=120.0),
    )
    return install_model(make_model(), transcript=Transcript("", (), 0.0))


def utterance(model, start: float, **changes) -> Utterance:
    prediction = model.fuse(model.observe(make_clip(text=f"said at {start:g}")))
    return Utterance(start, start + 2, words=f"said at {start:g}", prediction=prediction, **changes)


@pytest.fixture
def reading(model, monkeypatch):
    """What stands for the reading of a recording: two utterances, the second after `go`."""
    go, asked = threading.Event(), {"journals": []}

    def read(path, model, *, start, end, speakers, progress, found, journal, stop, cancel):
        asked.update(path=path, bytes=path.read_bytes(), speakers=speakers, folder=path.parent)
        asked.update(start=start, end=end, mode=path.stat().st_mode & 0o777)
        asked["journals"].append(journal)
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


def as_table(at: AppTest):
    """The table of utterances, which is one of the lists."""
    next(g for g in at.get("button_group") if g.label == "What to list").set_value(TABLE).run()
    assert not at.exception
    return at.dataframe[-1].value


def text(at: AppTest) -> str:
    return " ".join(e.value for e in (*at.markdown, *at.caption, *at.info, *at.error))


def test_a_short_clip_has_no_such_section(model, monkeypatch):
    monkeypatch.setattr("ui.analyze.analysis.load_upload", lambda data, name, **_: make_clip())
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
    table = as_table(app)
    assert table["Speaker"].tolist() == ["Speaker 1", "Speaker 2"]
    assert table["Note"].tolist() == ["", "spoken over by another"]
    assert asked["mode"] == 0o600, "nobody else on the machine reads it"
    gc.collect()
    assert not asked["folder"].exists(), "the file is gone when it was read"


def test_of_an_hour_the_newest_utterances_are_listed_while_it_is_read(app, model, reading, monkeypatch):
    job = start(app)
    wait_until(lambda: job.progress is not None)
    job.utterances[:] = [utterance(model, 3.0 * i) for i in range(NEWEST + 10)]
    shown = []
    real = recording.moments
    monkeypatch.setattr(
        recording, "moments", lambda key, listed, window: shown.append(listed) or real(key, listed, window)
    )
    app.run()
    assert f"{NEWEST + 10} utterances so far; these are the newest {NEWEST}." in text(app)
    starts = [moment.start for moment in shown[-1]]
    assert starts == [3.0 * i for i in range(NEWEST + 9, 9, -1)]


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


def test_a_second_start_goes_on_where_it_was_stopped(app, reading):
    go, asked = reading
    job = start(app)
    wait_until(lambda: job.progress is not None)
    job.stop()
    wait_until(lambda: job.ended)
    app.run()
    go.set()
    app.button(key="whole-on").click().run()
    wait_until(lambda: job.ended)
    app.run()
    assert not app.exception
    first, second = asked["journals"]
    assert first == second, "what was read is kept beside the file"
    assert first.parent == asked["folder"]
    assert len(job.recording.utterances) == 2
    assert "whole-on" not in {b.key for b in app.button}


def test_speakers_have_the_names_that_are_given(app, reading):
    reading[0].set()
    job = start(app)
    wait_until(lambda: job.ended)
    app.run()
    next(t for t in app.text_input if t.label == "Speaker 2").set_value("Ann").run()
    assert as_table(app)["Speaker"].tolist() == ["Speaker 1", "Ann"]
    assert "Ann" in " ".join(h.value for h in app.html if "mmer-shares" in h.value)
    assert _written(job.recording, {1: "Ann"}, ".srt").decode().count("Ann: said at 70") == 1


def test_it_is_shown_over_time_with_its_moments(app, reading):
    reading[0].set()
    job = start(app)
    wait_until(lambda: job.ended)
    app.run()
    assert not app.exception
    (figure,) = (c for c in app.get("plotly_chart") if "Speaker 2" in c.proto.spec)
    assert "1:00" in figure.proto.spec, "times stand as a player shows them"
    lists = next(g for g in app.get("button_group") if g.label == "What to list")
    assert lists.options[0] == SAID
    offered = {d.proto.label for d in app.get("download_button")}
    assert {"Report on all of it", "CSV", "Parquet", "JSON", "ELAN", "Praat"} <= offered


def test_the_report_on_a_recording_says_everything_and_loads_nothing(model):
    words = utterance(model, 2.0, speaker=1, overlapped=True)
    silent = Utterance(70.0, 71.0, spoken=False, reason="nobody is seen")
    recording = Recording(
        "talk <b>.mp4", 0, 80, (words, silent), False, ("stopped",), model.labels, model.identity
    )
    html = recording_report(recording, {1: "Ann & <Bob>"}, record=model.record)
    for said in (
        "Ann &amp; &lt;Bob&gt;",
        "talk &lt;b&gt;.mp4",
        "said at 2",
        "Over time",
        "Shares of the time",
    ):
        assert said in html
    for said in ("Most certain moments", "All utterances", "Note: Stopped.", "not to its end", "Not for"):
        assert said in html
    assert "<Bob>" not in html.split("</script>")[-1]
    assert "default-src 'none'" in html


def test_progress_says_how_far_and_how_long():
    assert progress_line(None) == (0.0, "Beginning…")
    share, line = progress_line(Progress("utterances", 65.0, 130.0, 3725.4))
    assert share == 0.5
    assert line == "Reading utterances: 1:05 of 2:10, about 1:02:05 left"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MediaError("recording breaks off at once: give another"), "talk.mp4 breaks off"),
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
    held = [RecordingJob(Order(Source("talk.mp4", b"x"), model, apart=False))]
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
    assert who_speaks(replace(said, speaker=None), {}) == ""
    assert row_of(replace(said, speaker=None), {}) == "Speech"
    silent = Utterance(0.0, 1.0, reason="nobody is seen or heard")
    assert line_of(silent, {}) == "nobody is seen or heard"
    assert utterance_table([silent], {})["Emotion"].tolist() == [""]
