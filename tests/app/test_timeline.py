"""The timeline on the Analyze page: there for clips long enough, true to switches and words, and to be taken
away. Without a browser.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from media_factory import picture_bytes, write_sound, write_video
from streamlit.testing.v1 import AppTest

from mmer_core.config import ROOT
from mmer_core.inference import windows
from mmer_core.inference.timeline import Cue
from mmer_core.labels import Modality
from mmer_core.media.speech import Segment, Transcript
from tiny_model import make_clip, make_model
from ui import models
from ui.analyze import answer


@pytest.fixture
def model(install_model):
    """A tiny model instead of the shipped model; faces in the first second, words throughout."""

    def find_faces(clip):
        return replace(clip, faces=replace(make_clip().faces, frames_seen=len(clip.frames)))

    said = Transcript("What a day. Really.", (Segment(0.0, 4.0, "What a day. Really."),), 0.0)
    return install_model(make_model(), find_faces=find_faces, transcript=said)


@pytest.fixture
def app(model) -> AppTest:
    models.model_loader().wait()
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()


def give(at: AppTest, name: str, data: bytes) -> AppTest:
    at.file_uploader[0].upload(name, data).run()
    assert not at.exception
    return at


@pytest.fixture
def answered(app, tmp_path) -> AppTest:
    """The page with the answer to a film of four seconds."""
    write_video(tmp_path / "long.mp4", seconds=4.0)
    return give(app, "long.mp4", (tmp_path / "long.mp4").read_bytes())


def figure(at: AppTest) -> dict:
    return json.loads(next(c for c in at.get("plotly_chart") if c.proto.id.endswith("-timeline")).proto.spec)


def row(at: AppTest, name: str) -> dict:
    return next(t for t in figure(at)["data"] if t["name"] == name)


def component(at: AppTest, key: str) -> dict:
    return json.loads(next(c for c in at.get("bidi_component") if key in c.proto.id).proto.json)


def expected(at: AppTest, model, use=None):
    (analysis,) = at.session_state["analyses"].values()
    return windows.fuse(model, windows.score_windows(model, analysis.observation), use)


def has_timeline(at: AppTest) -> bool:
    return any(m.value == "#### Over time" for m in at.markdown)


def test_a_long_clip_has_a_row_for_each_modality_and_one_for_all(answered, model):
    assert has_timeline(answered)
    assert [t["name"] for t in figure(answered)["data"] if t["type"] == "bar"] == [
        "Together",
        "Words",
        "Voice",
        "Face",
    ]
    assert figure(answered)["layout"]["xaxis"]["range"] == [
        0,
        pytest.approx(expected(answered, model).duration),
    ]
    assert row(answered, "Face")["customdata"][-1][1] == "no face here"


def test_the_scrubber_knows_the_clip_and_its_subtitles(answered, model):
    data = component(answered, "scrubber-timeline")
    assert data["duration"] == pytest.approx(expected(answered, model).duration)
    assert data["subtitles"][0]["start"] == 0
    assert data["subtitles"][0]["text"].endswith("%")


def test_a_switch_moves_the_fused_row_without_looking_again(answered, model):
    before = {m: e.calls for m, e in model.encoders.items()}
    next(t for t in answered.toggle if t.label == "Voice").set_value(False).run()
    assert not answered.exception
    assert row(answered, "Voice")["customdata"][0][1] == "switched off"
    assert {m: e.calls for m, e in model.encoders.items()} == before
    alone = expected(answered, model, {Modality.TEXT, Modality.VISUAL})
    heights = [bar / 0.6 for bar in row(answered, "Together")["y"]]
    assert heights == pytest.approx(alone.fused.max(axis=1))


def test_corrected_words_are_spread_over_the_speech(answered):
    before = row(answered, "Words")
    answered.text_area[0].set_value("Quite other. Zzz! And more.").run()
    assert not answered.exception
    assert row(answered, "Words")["y"] != before["y"]


def test_of_a_clip_that_changes_the_sequence_is_the_headline(app, tmp_path, monkeypatch):
    turns = [Cue(0.0, 2.0, "sadness", 0.7), Cue(2.0, 4.0, "joy", 0.9)]
    monkeypatch.setattr(answer, "changes", lambda timeline: turns)
    write_video(tmp_path / "long.mp4", seconds=4.0)
    at = give(app, "long.mp4", (tmp_path / "long.mp4").read_bytes())
    said = next(h.proto.body for h in at.get("html") if "mmer-answer" in h.proto.body)
    assert "Sadness → 😊 Joy</h2>" in said
    assert "Sad from 0 to 2 s (70%), then happy from 2 to 4 s (90%)." in said
    assert "Over the whole clip: " in said


def test_it_says_that_windows_are_noisier(answered):
    assert any("noisier here than on the whole clip" in c.value for c in answered.caption)


def test_with_one_modality_there_is_nothing_to_compare(answered):
    for title in ("Words", "Face"):
        next(t for t in answered.toggle if t.label == title).set_value(False).run()
    assert any("fewer than two modalities" in c.value for c in answered.caption)
    for title in ("Voice",):
        next(t for t in answered.toggle if t.label == title).set_value(False).run()
    assert not answered.exception


def test_everything_can_be_taken_away(answered):
    offered = {b.key: b for b in answered.get("download_button")}
    (analysis,) = answered.session_state["analyses"].values()
    stem = analysis.digest[:8]
    assert {f"csv-timeline-{stem}", f"html-timeline-{stem}", "subtitles", "report", "download"} <= set(
        offered
    )
    assert all(b.help for b in offered.values())
    frames = next(c for c in answered.checkbox if c.label == "with frames")
    assert frames.help
    assert not frames.value


@pytest.mark.parametrize("kind", ["picture", "sentence", "short"])
def test_what_has_no_course_has_no_timeline(app, kind, small_video):
    if kind == "picture":
        give(app, "face.png", picture_bytes("png"))
    elif kind == "short":
        give(app, "clip.mp4", small_video.read_bytes())
    else:
        app.button(key="sample-arrival").click().run()
        app.button(key="read-here").click().run()
    assert not app.exception
    assert not has_timeline(app)
    assert any(b.key == "report" for b in app.get("download_button"))


def test_a_sound_has_one_too(app, tmp_path):
    write_sound(tmp_path / "tone.wav", seconds=5.0)
    give(app, "tone.wav", (tmp_path / "tone.wav").read_bytes())
    assert has_timeline(app)
    assert row(app, "Face")["customdata"][0][1] not in ("", "absent")
