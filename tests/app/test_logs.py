"""What the app writes down of what people give: nothing, at any level."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from media_factory import write_sound, write_video

from mmer_core.media.speech import Transcript
from tiny_model import make_clip
from ui.analyze.recording_job import Order, RecordingJob
from ui.analyze.source import Source

WORDS, NAME = "qqmarkedwordsqq", "qqmarkednameqq"


@pytest.fixture
def logged(caplog):
    """All that loggers of this project wrote, with tracebacks."""
    names = [n for n in logging.root.manager.loggerDict if n.split(".")[0] in ("mmer_core", "ui", "pages")]
    assert "mmer_core.media.decoding" in names
    for name in ("mmer_core", "ui", "pages", *names):
        caplog.set_level(logging.DEBUG, logger=name)
    caplog.handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def text() -> str:
        found = caplog.text
        assert WORDS not in found
        assert NAME not in found
        return found

    return text


def test_what_was_typed_and_what_was_given_is_not_logged(app, tmp_path, logged):
    app.text_input[0].set_value(WORDS)
    next(b for b in app.button if b.label == "Analyze text").click().run()
    write_sound(tmp_path / "a.wav")
    write_video(tmp_path / "a.mp4")
    for suffix in ("wav", "mp4"):
        app.file_uploader[0].upload(f"{NAME}.{suffix}", (tmp_path / f"a.{suffix}").read_bytes()).run()
        assert not app.exception
    for content in (b"", b"no media", (tmp_path / "a.mp4").read_bytes()[:2000]):
        app.file_uploader[0].upload(f"{NAME}.mp4", content).run()
        assert not app.exception
        assert NAME in app.error[0].value, "the person is told, the log is not"
    logged()


@pytest.mark.parametrize(
    "where", ["mmer_core.inference.emotion_model.EmotionModel.observe", "ui.analyze.analysis.load_upload"]
)
def test_a_defect_is_logged_without_its_message(app, tmp_path, monkeypatch, logged, where):
    def fail(*_, **__):
        raise RuntimeError(f"{WORDS} in {NAME}")

    monkeypatch.setattr(where, fail)
    write_sound(tmp_path / "a.wav")
    app.file_uploader[0].upload(f"{NAME}.wav", (tmp_path / "a.wav").read_bytes()).run()
    assert "analysed (RuntimeError)" in app.error[0].value.replace("\\", "")
    assert "analysis failed (RuntimeError)" in logged()


def test_a_recording_that_fails_is_logged_without_its_message(model, monkeypatch, logged):
    def fail(*_, **__):
        raise RuntimeError(f"{WORDS} in {NAME}")

    monkeypatch.setattr("mmer_core.recordings.read_recording", fail)
    job = RecordingJob(Order(Source(f"{NAME}.wav", b"x"), model, apart=False))
    assert job._ended.wait(20)
    assert job.error
    assert "a recording could not be read (RuntimeError)" in logged()


def test_words_that_were_heard_are_not_logged(install_model, model, monkeypatch, tmp_path, logged):
    observed = model.observe(replace(make_clip(text=None), name=NAME))
    monkeypatch.setattr("mmer_core.inference.observation.transcribe", lambda *_: Transcript(WORDS, (), 1.0))
    again = model.observe(replace(make_clip(text=None), name=NAME))
    assert model.fuse(observed)
    assert model.fuse(again)
    logged()
