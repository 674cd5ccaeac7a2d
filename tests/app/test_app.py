"""The pages as a person uses them: give a clip, read the answer, switch modalities off, correct the words.
Without a browser.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import tomllib
from dataclasses import replace

import pytest
from media_factory import picture_bytes, write_sound
from streamlit.testing.v1 import AppTest

from mmer_core.checkpoint import CheckpointError, read_record
from mmer_core.config import DEFAULT_CHECKPOINT, ROOT
from mmer_core.labels import EMOTIONS, LABEL_ALIASES, Modality
from mmer_core.media.speech import Transcript
from tiny_model import make_clip, make_model
from ui import models
from ui.analyze.analysis import KEPT
from ui.analyze.samples import samples
from ui.text import plain

HEARD = "what a day"


@pytest.fixture
def model(install_model):
    """A tiny model instead of the shipped model; faces and words are found at once."""

    def find_faces(clip):
        return replace(clip, faces=replace(make_clip().faces, frames_seen=len(clip.frames)))

    return install_model(make_model(), find_faces=find_faces, transcript=Transcript(HEARD, (), 0.0))


def upload(at: AppTest, name: str, data: bytes) -> AppTest:
    at.file_uploader[0].upload(name, data).run()
    assert not at.exception
    return at


def headline(at: AppTest) -> str:
    """The emotion in large letters, and the sentences under it."""
    return next(h.value for h in at.html if 'class="mmer-answer"' in h.value)


def cards(at: AppTest) -> dict[str, str]:
    """{title: the upper part of its card}."""
    found = [h.value for h in at.html if 'class="mmer-modality"' in h.value]
    return {title: next(c for c in found if f">{title}<" in c) for title in ("Words", "Voice", "Face")}


def bars(at: AppTest) -> list[float]:
    """Lengths of the bars: the probabilities in the order of EMOTIONS."""
    chart = next(c for c in at.get("plotly_chart") if c.proto.id.endswith("-emotions"))
    return json.loads(chart.proto.spec)["data"][0]["x"]


def captions(at: AppTest) -> str:
    return " ".join(c.value for c in at.caption)


def switch(at: AppTest, title: str):
    return next(t for t in at.toggle if t.label == title)


def sound(tmp_path, kind: str = "wav") -> bytes:
    path = tmp_path / f"tone.{kind}"
    write_sound(path)
    return path.read_bytes()


def shown(at: AppTest, prediction) -> bool:
    """Whether the page shows this prediction."""
    return prediction.label.capitalize() in headline(at) and bars(at) == pytest.approx(
        [prediction.probabilities[e] for e in EMOTIONS]
    )


def test_the_empty_page_says_what_to_do(app):
    assert [t.value for t in app.title] == ["What emotion is in this clip?"]
    assert app.file_uploader
    assert app.text_input
    assert app.button(key="record").label == "Open the recorder"
    assert [b.key for b in app.button if str(b.key).startswith("sample-")] == [
        f"sample-{sample.id}" for sample in samples()
    ]
    assert all(sample.shows in captions(app) for sample in samples())
    assert not app.toggle
    assert not app.error


def test_every_control_has_help(app, small_video):
    upload(app, "clip.mp4", small_video.read_bytes())
    for control in (
        *app.button,
        *app.toggle,
        *app.text_area,
        *app.text_input,
        *app.file_uploader,
        *app.get("download_button"),
    ):
        assert control.help, control.label


def test_a_video_is_answered_by_all_three(app, small_video, model, scratch):
    upload(app, "my clip.mp4", small_video.read_bytes())
    (analysis,) = app.session_state["analyses"].values()
    prediction = model.fuse(analysis.observation)
    assert prediction.used == tuple(Modality)[:3]
    assert shown(app, prediction)
    assert len(app.get("video")) == 1
    assert "my clip" in captions(app)
    for modality, card in zip(prediction.used, cards(app).values(), strict=True):
        assert prediction.modalities[modality].label.capitalize() in card
    assert app.text_area[0].value == HEARD
    assert "Found in" in captions(app)
    assert {c.proto.id.rsplit("-", 1)[-1] for c in app.get("plotly_chart")} == {
        "emotions",
        "text",
        "audio",
        "visual",
        "sound",
        "contributions",
    }


def test_the_frames_are_let_go(app, small_video):
    """A long clip's frames are 83 MB; only a few are kept to look at."""
    upload(app, "clip.mp4", small_video.read_bytes())
    (analysis,) = app.session_state["analyses"].values()
    assert analysis.observation.clip.frames is None
    assert 1 <= len(analysis.strip) <= 6
    assert all(frame.base is None for frame in analysis.strip)


def test_a_switch_moves_the_answer_without_encoding_again(app, small_video, model):
    upload(app, "clip.mp4", small_video.read_bytes())
    before = {m: e.calls for m, e in model.encoders.items()}
    (analysis,) = app.session_state["analyses"].values()
    switch(app, "Voice").set_value(False).run()
    assert {m: e.calls for m, e in model.encoders.items()} == before
    assert shown(app, model.fuse(analysis.observation, {Modality.TEXT, Modality.VISUAL}))
    assert "not used" in cards(app)["Voice"]
    assert "Switched off above" in captions(app)
    assert "mark the answer with everything on" in captions(app)
    switch(app, "Voice").set_value(True).run()
    assert shown(app, model.fuse(analysis.observation))


def test_with_everything_off_the_prior_is_called_by_its_name(app, small_video, model):
    upload(app, "clip.mp4", small_video.read_bytes())
    for title in ("Words", "Voice", "Face"):
        switch(app, title).set_value(False).run()
    assert "how often each emotion came up in training" in headline(app)
    assert any("Nothing to go by" in note.value for note in app.info)


def test_corrected_words_change_the_answer_and_can_be_restored(app, small_video, model):
    upload(app, "clip.mp4", small_video.read_bytes())
    (analysis,) = app.session_state["analyses"].values()
    before = {m: e.calls for m, e in model.encoders.items()}
    app.text_area[0].set_value("zzz quite other words").run()
    assert shown(app, model.fuse(analysis.reworded("zzz quite other words", model)))
    assert model.encoders[Modality.VISUAL].calls == before[Modality.VISUAL]
    next(b for b in app.button if b.label == "Restore the transcript").click().run()
    assert app.text_area[0].value == HEARD
    assert shown(app, model.fuse(analysis.observation))
    assert not [b for b in app.button if "Restore" in b.label]


def test_what_was_said_before_is_read_with_the_words(app, small_video, model, monkeypatch):
    upload(app, "clip.mp4", small_video.read_bytes())
    assert len(app.text_area) == 1, "this model reads no dialogue"
    text = model.encoders[Modality.TEXT]
    monkeypatch.setattr(text, "spec", replace(text.spec, reads_dialogue=True))
    app.run()
    before = {m: e.calls for m, e in model.encoders.items()}
    context = next(area for area in app.text_area if area.label.startswith("Said before it"))
    context.set_value("Did you get the job?\n\n  They called. ").run()
    assert {m for m, e in model.encoders.items() if e.calls > before[m]} == {Modality.TEXT}
    assert model.encoders[Modality.TEXT].clip.dialogue.previous == (
        "Did you get the job?",
        "They called.",
    )
    assert model.encoders[Modality.TEXT].clip.text == HEARD


def test_words_alone(app, model):
    app.text_input[0].set_value("I am so <b>glad</b>")
    next(b for b in app.button if b.label == "Analyze text").click().run()
    assert not app.exception
    (analysis,) = app.session_state["analyses"].values()
    assert shown(app, model.fuse(analysis.observation))
    assert [switch(app, t).disabled for t in ("Words", "Voice", "Face")] == [False, True, True]
    assert any("I am so &lt;b&gt;glad" in h.value for h in app.html), "typed text must stay text"
    assert any("one modality alone" in note.value for note in app.info)


def test_a_sound_file(app, tmp_path, model):
    upload(app, "tone.wav", sound(tmp_path))
    assert len(app.get("audio")) == 1
    assert switch(app, "Face").disabled
    assert not switch(app, "Voice").disabled


def test_a_picture(app):
    upload(app, "face.png", picture_bytes("png"))
    assert switch(app, "Voice").disabled
    assert not switch(app, "Face").disabled
    assert "frames that were looked at" not in captions(app)


def test_a_video_that_browsers_cannot_play_is_shown_as_frames_and_sound(app, tmp_path):
    from media_factory import write_video

    write_video(tmp_path / "old.avi")
    upload(app, "old.avi", (tmp_path / "old.avi").read_bytes())
    assert not app.get("video")
    assert len(app.get("audio")) == 1
    assert "Browsers can't play this format" in captions(app)


@pytest.mark.parametrize("data", [b"", b"just words, renamed"], ids=["empty", "text"])
def test_a_bad_file_is_one_sentence_and_the_app_goes_on(app, data, small_video, scratch):
    upload(app, "notes.mp4", data)
    (error,) = app.error
    assert error.value.replace("\\", "").startswith("notes.mp4 is ")
    assert error.value.endswith(".")
    assert "Traceback" not in error.value
    assert not app.toggle
    app.button(key="sample-arrival").click().run()
    assert not app.error
    assert headline(app)


def test_a_file_name_is_only_text(app):
    upload(app, "![x](https://example.org/x.png).mp4", b"not a video")
    assert r"\!\[x\]\(https\:" in app.error[0].value


def test_a_fault_of_ours_is_one_sentence_too(app, small_video, model, monkeypatch, caplog):
    def broken(clip, **options):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(model, "observe", broken)
    upload(app, "clip.mp4", small_video.read_bytes())
    assert [e.value.replace("\\", "") for e in app.error] == [
        "This could not be analysed (ZeroDivisionError): try another clip; the app's log has the details."
    ]
    assert "oops" in caplog.text


def test_the_sample_clip_names_its_source(app):
    button = app.button(key="sample-speech")
    assert "public domain" in button.help
    button.click().run()
    assert not app.exception
    assert "public domain" in captions(app)
    assert (ROOT / "samples" / "SOURCES.md").read_text(encoding="utf-8").count("speech.mp4") >= 1


def test_the_same_file_again_is_not_read_again(app, tmp_path, model):
    data = sound(tmp_path)
    upload(app, "tone.wav", data)
    app.button(key="sample-arrival").click().run()
    calls = model.encoders[Modality.AUDIO].calls
    upload(app, "other name.wav", data)
    assert model.encoders[Modality.AUDIO].calls == calls
    assert "other name" in captions(app)


def test_only_the_last_few_analyses_are_kept(app):
    for i in range(KEPT + 2):
        app.text_input[0].set_value(f"sentence {i}")
        next(b for b in app.button if b.label == "Analyze text").click().run()
    assert [a.first_words for a in app.session_state["analyses"].values()] == [
        f"sentence {i}" for i in range(2, KEPT + 2)
    ]


def test_the_answer_is_still_there_after_a_look_at_another_page(app, small_video):
    upload(app, "clip.mp4", small_video.read_bytes())
    switch(app, "Face").set_value(False).run()
    app.text_area[0].set_value("corrected").run()
    before = headline(app)
    app.switch_page("pages/about.py").run()
    assert not app.exception
    app.switch_page("pages/analyze.py").run()
    assert headline(app) == before
    assert app.text_area[0].value == "corrected"
    assert not switch(app, "Face").value


@pytest.mark.parametrize(
    ("page", "title"),
    [("analyze", "What emotion is in this clip?"), ("about", "About the model and its limits")],
)
def test_a_page_needs_nothing_that_only_the_door_sets_up(model, page, title):
    at = AppTest.from_file(str(ROOT / "pages" / f"{page}.py"), default_timeout=120)
    at.session_state["entered"] = True
    at.run()
    assert not at.exception
    assert [t.value for t in at.title] == [title]


def test_a_page_run_without_the_door_goes_through_it(model):
    """As a first visit by a deep link does; the browser tests follow a real one."""
    at = AppTest.from_file(str(ROOT / "pages" / "about.py"), default_timeout=120).run()
    assert not at.exception
    assert at.session_state["entered"]
    assert len(at.title) == 1


def test_the_page_does_not_wait_for_the_models(monkeypatch):
    release = threading.Event()

    def slow(folder):
        release.wait(30)
        return make_model()

    monkeypatch.setattr(models, "load_model", slow)
    models.forget_loaded()
    try:
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
        assert "The model is loading (a few seconds, once)" in captions(at)
        assert at.file_uploader
        release.set()
        models.model_loader().wait()
        at.run()
        assert "The model is loading" not in captions(at)
    finally:
        release.set()
        models.forget_loaded()


def test_loaded_models_are_no_work_for_the_garbage_collector(monkeypatch):
    """A full collection over all that the models consist of stops the interpreter for .1 s, which the Live
    page feels.
    """
    monkeypatch.setattr(models, "HEAD_START", 0.0)
    monkeypatch.setattr(
        "mmer_core.inference.emotion_model.EmotionModel.load",
        classmethod(lambda cls, folder, device="auto": make_model()),
    )
    gc.unfreeze()
    models.load_model(DEFAULT_CHECKPOINT)
    try:
        assert gc.get_freeze_count() > len(gc.get_objects())
    finally:
        gc.unfreeze()


def test_no_collection_is_forced_after_every_run():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["runner"]["postScriptGC"] is False


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            CheckpointError("the folder lacks face.safetensors: copy it again"),
            "The folder lacks face.safetensors: copy it again.",
        ),
        (ValueError("deep inside"), "The model could not be loaded (ValueError): see the app's log"),
    ],
)
def test_models_that_cannot_be_loaded_are_one_sentence_and_can_be_tried_again(
    monkeypatch, error, sentence, caplog
):
    def fail(folder):
        raise error

    monkeypatch.setattr(models, "load_model", fail)
    models.forget_loaded()
    try:
        with pytest.raises(models.ModelUnavailable):
            models.model_loader().wait()
        assert str(error) in caplog.text, "the log has what happened"
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
        at.button(key="sample-arrival").click().run()
        assert not at.exception
        assert at.error[0].value.startswith(plain(sentence))
        monkeypatch.setattr(models, "load_model", lambda folder: make_model())
        next(b for b in at.button if b.label == "Try again").click().run()
        models.model_loader().wait()
        at.run()
        assert not at.error
        assert headline(at)
    finally:
        models.forget_loaded()


def test_about_says_what_it_is_not_for_and_lists_every_label(model):
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.switch_page("pages/about.py").run()
    assert not at.exception
    text = " ".join(m.value for m in at.markdown)
    assert "Article 5(1)(f)" in text
    assert "Article 50(3)" in text
    assert "no telemetry" in text
    for alias in LABEL_ALIASES:
        assert alias in text


def test_about_shows_the_shipped_figures_as_charts_with_words_for_them(model):
    record = read_record(DEFAULT_CHECKPOINT)
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120).run()
    at.switch_page("pages/about.py").run()
    assert not at.exception
    charts = {c.proto.id.rsplit("-", 1)[-1]: c.proto for c in at.get("plotly_chart")}
    assert set(charts) == {*record["modalities"], "subsets", "risk"}
    shown = json.loads(charts["subsets"].spec)["data"][0]["x"]
    assert sorted(shown) == pytest.approx(
        sorted(100 * row["ua"] for row in record["card"]["figures"]["fused"]["subsets"].values())
    )
    for name in record["modalities"]:
        assert any(entry["licence"] in m.value for m in at.markdown for entry in record["card"]["data"][name])
    assert "eur-lex.europa.eu" in captions(at)


def test_screens_load_no_heavy_library():
    """torch takes seconds to import; the first page must not wait for it."""
    screens = (
        "analyze.answer",
        "analyze.intake",
        "analyze.progress",
        "analyze.timeline",
        "analyze.clip_report",
        "about.model_card",
        "models",
        "page",
    )
    code = "import " + ", ".join(f"ui.{name}" for name in screens)
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    loaded = {
        line.rsplit("|", 1)[-1].strip().split(".")[0]
        for line in run.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "streamlit" in loaded
    assert not loaded & {"torch", "transformers", "cv2", "librosa", "sklearn", "onnxruntime", "av"}


def test_upload_limits_agree():
    """The uploader's limit is a setting of Streamlit's, the decoder's one of ours."""
    import tomllib

    from mmer_core.config import Limits

    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["server"]["maxUploadSize"] * 2**20 == Limits().max_bytes
    assert settings["browser"]["gatherUsageStats"] is False
