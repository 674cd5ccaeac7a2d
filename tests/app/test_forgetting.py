"""Forget everything now: what a visit holds is gone at once, and the page says what it was."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from media_factory import write_sound
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT
from ui import at_work, forgetting, keeping, models
from ui.analyze import recording_job
from ui.analyze.kept_file import KeptFile
from ui.analyze.ordinary_voice import OrdinaryVoice
from ui.analyze.recording_job import JOBS, Order, RecordingJob
from ui.analyze.source import Source


def open_page(name: str = "") -> AppTest:
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    if name:
        at.switch_page(f"pages/{name}.py").run()
    assert not at.exception
    return at


def forget(at: AppTest, key: str = "forget-everything") -> str:
    at.button(key=key).click().run()
    assert not at.exception
    (told,) = [s.value for s in at.success]
    return told.replace("\\", "")


@pytest.fixture
def large(tmp_path) -> Source:
    """A sound that lies on disk, as large ones do."""
    write_sound(tmp_path / "sound.wav")
    content = io.BytesIO((tmp_path / "sound.wav").read_bytes())
    return Source("marked-name.wav", file=KeptFile(content, "marked-name.wav"))


def holding(at: AppTest, marked: str) -> list[str]:
    """What in the session's state still says so."""
    return [key for key, value in at.session_state.items() if marked in f"{key} {value!r}"]


def test_clips_names_and_files_are_gone_at_once(model, large, scratch):
    at = open_page()
    at.session_state["source"] = large
    at.run()
    assert not at.exception
    job = RecordingJob(Order(large, model, apart=False))
    job._ended.wait(60)
    at.session_state[JOBS] = {"key": job}
    at.session_state["name-0-key"] = "Marked Person"
    at.session_state["ordinary-voice"] = OrdinaryVoice("marked-voice.wav", b"")
    folder = large.file.folder
    assert folder.exists()
    told = forget(at, "forget-clips")
    assert not folder.exists()
    for what in ("1 clip", "1 recording that was read whole", "rdinary voice", "the name of 1 speaker"):
        assert what in told, told
    assert told.endswith("forgotten, in memory and on disk.")
    assert holding(at, "arked") == []
    assert not at.session_state["analyses"]
    assert not [*at.session_state["visit"].sources]
    at.run()
    assert not at.success, "it is said once"


@pytest.mark.parametrize(("patience", "told"), [(30.0, forgetting.NOTHING), (0.0, forgetting.SOON)])
def test_it_waits_for_work_that_was_just_ended(model, monkeypatch, tmp_path, patience, told):
    monkeypatch.setattr(forgetting, "WAIT", patience)
    at = open_page("about")
    monkeypatch.setattr(at_work, "person", lambda: "this one")
    (tmp_path / "scratch").mkdir()
    ends = threading.Event()

    def let_go():
        ends.wait(0.5 if patience else 30)
        (tmp_path / "scratch").rmdir()

    at_work.begin(threading.Thread(target=let_go, daemon=True))
    assert forget(at).endswith(told)
    assert (tmp_path / "scratch").exists() == (patience == 0.0)
    ends.set()
    assert at_work.ended(30)


def test_a_recording_that_is_forgotten_while_it_is_read_leaves_nothing(model, large, monkeypatch):
    ends = threading.Event()

    def read(job, order, kept, person):
        ends.wait(30)
        (kept.folder / "journal.csv").write_text("marked words")

    monkeypatch.setattr(recording_job, "_in_turn", read)
    job = RecordingJob(Order(Source("small.wav", b"sound"), model, apart=False))
    job.forget()
    ends.set()
    assert job._ended.wait(30)
    assert not job._kept.folder.exists()


def test_sessions_of_the_tab_before_it_was_reloaded_go_too(monkeypatch):
    active = {"open"}
    monkeypatch.setattr(
        keeping,
        "Runtime",
        SimpleNamespace(
            exists=lambda: True, instance=lambda: SimpleNamespace(is_active_session=active.__contains__)
        ),
    )
    monkeypatch.setattr(
        keeping, "_open", {name: keeping._Page(name, 0.0) for name in ("open", "closed", "x")}
    )
    gone = []
    monkeypatch.setattr(keeping, "_end", gone.append)
    keeping.end_closed(("open", "closed", "unknown"))
    assert (gone, set(keeping._open)) == (["closed"], {"open", "x"})


def test_what_was_typed_is_gone_from_every_page(model):
    at = open_page()
    at.text_input[0].set_value("a marked sentence")
    next(b for b in at.button if b.label == "Analyze text").click().run()
    at.switch_page("pages/about.py").run()
    assert "1 clip" in forget(at)
    assert holding(at, "a marked sentence") == []
    at.switch_page("pages/analyze.py").run()
    assert not at.exception
    assert not [h for h in at.html if "a marked sentence" in h.value]
    assert at.title[0].value == "What emotion is in this clip?"


def test_without_anything_that_is_said(model):
    at = open_page("about")
    assert forget(at) == forgetting.NOTHING


def test_the_chosen_model_stays(model):
    at = open_page("about")
    at.session_state["model-folder"] = Path("some-model")
    at.button(key="forget-everything").click()
    at.run()
    assert at.session_state["model-folder"] == Path("some-model")


def test_a_session_whose_page_is_closed_is_ended_after_a_while_and_others_are_not(monkeypatch):
    active = {"open", "back"}
    monkeypatch.setattr(
        keeping,
        "Runtime",
        SimpleNamespace(instance=lambda: SimpleNamespace(is_active_session=active.__contains__)),
    )
    pages = {name: keeping._Page(name, 0.0) for name in ("open", "closed", "back")}
    monkeypatch.setattr(keeping, "_open", dict(pages))
    assert keeping.closed_by(keeping.GRACE) == []
    active.discard("back")
    assert keeping.closed_by(keeping.GRACE + 1) == ["closed"]
    active.add("back")
    assert keeping.closed_by(2 * keeping.GRACE) == []
    assert set(keeping._open) == {"open", "back"}


def test_the_grace_is_shorter_than_streamlit_keeps_sessions():
    from streamlit import config

    assert config.get_option("server.disconnectedSessionTTL") > keeping.GRACE + 2 * keeping.EVERY
