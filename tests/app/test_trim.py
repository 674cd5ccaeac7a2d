"""A stretch of a clip: chosen with a slider of two ends, answered on its own; large files kept on disk."""

from __future__ import annotations

import gc
import io
from datetime import time

import pytest
import streamlit as st
from media_factory import write_video
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT, Limits
from mmer_core.media.file_checks import MediaError
from mmer_core.media.speech import Transcript
from tiny_model import make_model
from ui import models, upload_limit
from ui.analyze import kept_file, source, visit
from ui.analyze.kept_file import KeptFile
from ui.analyze.source import Source, stretch_words
from ui.analyze.trim import as_seconds, as_time, stretch_between


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("trim") / "talk.mp4"
    write_video(path, seconds=8.0)
    return path.read_bytes()


@pytest.fixture
def app(install_model) -> AppTest:
    install_model(make_model(), transcript=Transcript("", (), 0.0))
    models.model_loader().wait()
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()


def upload(at: AppTest, name: str, content: bytes) -> AppTest:
    at.file_uploader[0].upload(name, content).run()
    assert not at.exception
    return at


def shown(at: AppTest) -> Source:
    return at.session_state["source"]


def trimmer(at: AppTest):
    return next(s for s in at.slider if s.label == "Use only a part")


def words(at: AppTest) -> str:
    return " ".join(e.value for e in (*at.markdown, *at.caption, *at.info, *at.error)).replace("\\", "")


def test_a_stretch_is_answered_on_its_own_and_left_again(app, video):
    upload(app, "talk.mp4", video)
    assert trimmer(app).value == (as_time(0), as_time(8))
    whole = shown(app)
    trimmer(app).set_value((time(0, 0, 2), time(0, 0, 5))).run()
    use = app.button(key="trim-use")
    assert use.label == "Use 0:02 to 0:05"
    use.click().run()
    assert not app.exception
    cut = shown(app)
    assert cut.stretch == (2.0, 5.0)
    assert cut.digest != whole.digest
    analyses = list(app.session_state["analyses"].values())
    assert [a.observation.clip.duration for a in analyses] == [
        pytest.approx(8, abs=0.2),
        pytest.approx(3, abs=0.2),
    ]
    assert cut.digest == analyses[-1].observation.clip.digest, (
        "what is kept of one is never shown for the other"
    )
    assert "This is the stretch from 0:02.0 to 0:05.0 of the file." in words(app)
    assert "talk.mp4, 0:02 to 0:05" in words(app)
    app.run()
    assert trimmer(app).value == (time(0, 0, 2), time(0, 0, 5)), "it survives a rerun"
    assert shown(app).stretch == (2.0, 5.0)
    app.button(key="trim-back").click().run()
    assert shown(app).digest == whole.digest
    assert len(app.session_state["visit"].sources) == 2, "both are in the strip"


def test_a_sentence_and_a_short_clip_have_no_slider(app, tmp_path):
    app.text_input[0].set_value("what a day")
    next(b for b in app.button if b.label == "Analyze text").click().run()
    assert not app.slider
    write_video(tmp_path / "a.mp4", seconds=2.0)
    upload(app, "a.mp4", (tmp_path / "a.mp4").read_bytes())
    assert not app.slider


def test_stretches_of_whole_seconds_reach_the_very_end():
    assert stretch_between(2, 5, 8.4) == (2.0, 5.0)
    assert stretch_between(2, 8, 8.4) == (2.0, 8.4)
    assert stretch_between(3, 3, 8.4) is None
    assert as_seconds(as_time(3725)) == 3725
    assert stretch_words((65.9, 3725.0)) == "1:05 to 1:02:05"


def test_a_large_upload_is_kept_once_on_disk_and_let_go(app, video, monkeypatch):
    monkeypatch.setattr("ui.analyze.uploads.LARGE", 1000)
    upload(app, "talk.mp4", video)
    given = shown(app)
    assert given.data is None
    assert given.file.path.read_bytes() == video
    assert given.file.path.stat().st_mode & 0o777 == 0o600
    assert given.file.folder.stat().st_mode & 0o777 == 0o700
    assert given.digest == Source("talk.mp4", video).digest
    assert "upload-0" not in app.session_state, "Streamlit holds no copy"
    assert app.get("video"), "the player plays a part of it"
    trimmer(app).set_value((time(0, 0, 1), time(0, 0, 4))).run()
    app.button(key="trim-use").click().run()
    assert not app.exception
    assert shown(app).file is given.file, "a stretch is read from the same file"


def test_a_file_that_is_held_by_nobody_is_gone(video):
    kept = KeptFile(io.BytesIO(video), "talk.mp4")
    folder = kept.folder
    assert folder.exists()
    del kept
    gc.collect()
    assert not folder.exists()


def test_a_full_disk_is_one_sentence_and_leaves_nothing(monkeypatch, tmp_path):
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(kept_file.tempfile, "mkdtemp", lambda prefix: str(_made(tmp_path / "kept")))
    with pytest.raises(
        MediaError, match=r"talk\.mp4 cannot be kept because the temporary folder is full"
    ) as error:
        KeptFile(Endless(), "talk.mp4")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "kept").exists()


def _made(folder):
    folder.mkdir()
    return folder


def test_one_setting_bounds_the_page_and_the_core(monkeypatch):
    assert upload_limit.upload_limits().max_bytes == Limits().max_bytes, "the local app's own"
    assert upload_limit.most_in_words() == "2 GB"
    monkeypatch.setattr(st, "get_option", lambda name: {"server.maxUploadSize": 50}[name])
    assert upload_limit.upload_limits().max_bytes == 50 * 2**20
    assert upload_limit.most_in_words() == "50 MB"
    assert upload_limit.most_megabytes(200) == 50


def test_stretches_of_one_file_take_its_room_once():
    size = visit.LARGEST_STRIP * 2 // 3
    given = Source("a.mp4", bytes(size))
    assert not visit._is_too_much([given, given.cut((0.0, 5.0)), given.cut((5.0, 9.0))])
    assert visit._is_too_much([given, Source("b.mp4", bytes(size))])


def test_words_that_go_with_a_file_are_not_those_of_a_stretch():
    given = Source("a.mp4", b"x", "all that is said")
    assert given.digest != Source("a.mp4", b"x").digest
    assert given.cut((1.0, 2.0)).digest == Source("a.mp4", b"x").cut((1.0, 2.0)).digest
    assert given.cut((1.0, 2.0)).cut(None).digest == given.digest
    assert Limits().max_bytes > source.LARGE
