"""Comparing with a person's ordinary voice: given, used at once and for what follows, removed, refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from media_factory import picture_bytes, write_sound
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.loading import load_upload
from mmer_core.media.speech import Transcript
from tiny_model import DIM, make_clip, make_model
from ui import models
from ui.analyze.ordinary_voice import TITLE
from ui.live import stream
from ui.live.visit import LiveVisit

AVERAGE = {Modality.AUDIO: InputScaling(np.full(DIM, 0.1, np.float32), np.full(DIM, 0.02, np.float32), 0.5)}


def start(install_model, scaling) -> AppTest:
    def find_faces(clip):
        return replace(clip, faces=make_clip().faces)

    made = make_model("early", input_scaling=scaling)
    install_model(made, find_faces=find_faces, transcript=Transcript("", (), 0.0))
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.model = made
    return at


@pytest.fixture
def app(install_model) -> AppTest:
    """The Analyze page with a tiny model that compares voices."""
    return start(install_model, AVERAGE)


@pytest.fixture
def sounds(tmp_path) -> dict[str, bytes]:
    """Sounds by name: two clips, an ordinary voice of 3 s and one of 1 s."""
    found = {}
    for name, seconds in (("clip", 1.0), ("second", 1.2), ("usual", 3.0), ("short", 1.0)):
        path = tmp_path / f"{name}.wav"
        write_sound(path, seconds=seconds)
        found[name] = path.read_bytes()
    return found


def give(at: AppTest, data: bytes, name: str = "usual.wav") -> AppTest:
    """Upload an ordinary voice in its section."""
    next(u for u in at.file_uploader if u.label == "Or give a recording").upload(name, data).run()
    assert not at.exception
    return at


def drop(at: AppTest, **files: bytes) -> AppTest:
    at.file_uploader[0].set_value([(f"{n}.wav", d, "") for n, d in files.items()]).run()
    assert not at.exception
    return at


def sections(at: AppTest) -> list:
    return [e for e in at.expander if e.label == TITLE]


def captions(at: AppTest) -> str:
    return " ".join(c.value for c in at.caption)


def notes(at: AppTest) -> str:
    return " ".join(i.value for i in at.info).replace("\\", "")


def bars(at: AppTest) -> list[float]:
    chart = next(c for c in at.get("plotly_chart") if c.proto.id.endswith("-emotions"))
    return json.loads(chart.proto.spec)["data"][0]["x"]


def expected(at: AppTest, clip: bytes, usual: bytes | None = None) -> list[float]:
    """What the model says to a clip, compared with this voice."""
    model = at.model
    observation = model.observe(load_upload(clip, "clip.wav"))
    if usual is not None:
        observation = model.with_baseline(observation, model.baseline(load_upload(usual, "usual.wav")))
    found = model.fuse(observation).probabilities
    return pytest.approx([found[e] for e in EMOTIONS])


def test_a_voice_that_is_given_counts_at_once_without_reading_the_clip_again(app, sounds, scratch):
    drop(app, clip=sounds["clip"])
    assert bars(app) == expected(app, sounds["clip"])
    assert "average training speaker; ten seconds of this person's ordinary voice" in notes(app)
    before = app.model.encoders[Modality.AUDIO].calls
    give(app, sounds["usual"])
    assert app.model.encoders[Modality.AUDIO].calls == before + 1
    assert bars(app) == expected(app, sounds["clip"], sounds["usual"])
    assert bars(app) != expected(app, sounds["clip"])
    assert "Read against 3 s of this person's voice." in captions(app)
    assert "read against 3 s of the speaker's own voice" in notes(app)
    assert "kept in memory for this visit only" in captions(app)
    assert "used for all clips that follow until you remove it" in captions(app)


def test_it_is_used_for_the_clips_that_follow_until_it_is_removed(app, sounds):
    drop(app, clip=sounds["clip"])
    give(app, sounds["usual"])
    drop(app, second=sounds["second"])
    assert bars(app) == expected(app, sounds["second"], sounds["usual"])
    next(b for b in app.button if b.label == "Remove this voice").click().run()
    assert bars(app) == expected(app, sounds["second"])
    assert "Read against" not in captions(app)
    assert "ordinary-voice" not in app.session_state


def test_a_recording_is_taken_like_a_file(app, sounds):
    drop(app, clip=sounds["clip"])
    (recorder,) = app.audio_input
    assert all(control.help for control in (*app.file_uploader, recorder))
    recorder.set_value(("audio.wav", sounds["usual"], "audio/wav")).run()
    assert not app.exception
    assert bars(app) == expected(app, sounds["clip"], sounds["usual"])
    assert any("3 s of your recording" in m.value for m in app.markdown)


def test_what_cannot_be_compared_with_is_one_sentence_and_changes_nothing(app, sounds):
    drop(app, clip=sounds["clip"])
    for data, reason in (
        (
            sounds["short"],
            "Only 1.0 s of voice are heard in usual.wav, 2 s are needed: give about ten seconds",
        ),
        (picture_bytes("png"), "Nobody is heard in usual.wav"),
        (b"just words", "usual.wav is not a video, sound or picture"),
    ):
        give(app, data)
        (error,) = app.error
        assert error.value.replace("\\", "").startswith(reason)
        assert bars(app) == expected(app, sounds["clip"])
    give(app, sounds["usual"])
    assert not app.error
    assert bars(app) == expected(app, sounds["clip"], sounds["usual"])


def test_there_is_no_section_where_nothing_can_be_compared(install_model, sounds, app):
    drop(app, picture=picture_bytes("png"))
    assert not sections(app)
    drop(app, clip=sounds["clip"])
    assert len(sections(app)) == 1
    plain = start(install_model, {})
    drop(plain, clip=sounds["clip"])
    assert not sections(plain)
    assert "average training speaker" not in notes(plain)


def test_a_table_of_several_files_is_compared_as_well(app, sounds):
    drop(app, clip=sounds["clip"], second=sounds["second"])
    alone = app.dataframe[0].value.values.tolist()
    give(app, sounds["usual"])
    compared = app.dataframe[0].value.values.tolist()
    assert compared != alone
    assert bars(app) == expected(app, sounds["clip"], sounds["usual"])
    calls = app.model.encoders[Modality.AUDIO].calls
    next(b for b in app.button if b.label == "Remove this voice").click().run()
    assert app.dataframe[0].value.values.tolist() == alone
    assert app.model.encoders[Modality.AUDIO].calls == calls


def test_the_live_reading_compares_with_it_too(app, sounds, monkeypatch):
    monkeypatch.setattr(stream, "show_stream", lambda visit, servers: None)
    app.switch_page(str(ROOT / "pages" / "live.py")).run()
    assert len(sections(app)) == 1
    give(app, sounds["usual"])
    reader = app.session_state["live-visit"].workers.reader
    assert round(reader.baseline[Modality.AUDIO].seconds) == 3
    next(b for b in app.button if b.label == "Remove this voice").click().run()
    assert not reader.baseline
    give(app, sounds["usual"])
    visit: LiveVisit = app.session_state["live-visit"]
    visit.running = True
    visit.waiting_since = float("inf")
    app.run()
    assert not app.exception
    assert not sections(app)
    assert "Read against 3 s of this person's voice." in captions(app)


def test_a_live_page_of_a_model_that_does_not_compare_has_no_section(install_model):
    at = start(install_model, {})
    at.switch_page(str(ROOT / "pages" / "live.py")).run()
    assert not at.exception
    assert not sections(at)
