"""What the Analyze page does with what is dropped on it: any kind of file, several at once, an empty one."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from media_factory import picture_bytes, write_sound
from streamlit.testing.v1 import AppTest

from mmer_core.batch import table_columns
from mmer_core.labels import Modality
from tiny_model import make_clip
from ui import models
from ui.analyze import batch, batch_rows


@pytest.fixture
def sound(tmp_path) -> bytes:
    write_sound(tmp_path / "tone.wav")
    return (tmp_path / "tone.wav").read_bytes()


def drop(at: AppTest, **files: bytes) -> AppTest:
    """Drop files; the last underscore of a name stands for its point."""
    names = [".".join(name.rsplit("_", 1)) for name in files]
    given = [(name, data, "") for name, data in zip(names, files.values(), strict=True)]
    at.file_uploader[0].set_value(given).run()
    assert not at.exception
    return at


def headlines(at: AppTest) -> list[str]:
    return [h.value for h in at.html if '<div class="mmer-answer' in h.value]


def rows(at: AppTest) -> list[list[str]]:
    """The cells of the table of files."""
    return at.dataframe[0].value.values.tolist() if at.dataframe else []


def errors(at: AppTest) -> str:
    return " ".join(e.value for e in at.error).replace("\\", "")


@pytest.mark.parametrize("name", ["notes_txt", "IMG 1_HEIC", "paper_pdf", "Clip_xyz"])
def test_a_file_of_any_kind_is_taken_and_the_core_says_what_is_wrong_with_it(app, name):
    assert app.file_uploader[0].allowed_type == []
    drop(app, **{name: b"just words"})
    shown = ".".join(name.rsplit("_", 1))
    assert errors(app).startswith(f"{shown} is not a video, sound or picture that can be read")
    assert not rows(app)


@pytest.mark.parametrize("name", ["voice_opus", "voice_aac", "voice_3gp", "voice_unheardof"])
def test_what_the_core_can_read_is_read_whatever_its_name(app, sound, name):
    drop(app, **{name: sound})
    assert len(headlines(app)) == 1
    assert len(app.get("audio")) == 1
    assert not app.error
    assert not rows(app)


def test_several_files_become_a_table_and_the_first_is_shown(app, sound):
    drop(app, face_png=picture_bytes("png"), tone_wav=sound, notes_txt=b"words", paper_pdf=b"%PDF")
    table = rows(app)
    assert [row[0] for row in table] == ["face.png", "tone.wav", "notes.txt", "paper.pdf"]
    assert [row[2] is not pd.NA for row in table] == [True, True, False, False]
    assert table[2][1] == "Not read"
    assert "notes.txt is not a video" in errors(app)
    assert "paper.pdf is not a video" in errors(app)
    assert any(b.label == "CSV" for b in app.get("download_button"))
    assert app.session_state["source"].name == "face.png"
    assert len(headlines(app)) == 1


def test_files_that_are_dropped_again_are_not_read_again(app, sound, model):
    drop(app, tone_wav=sound)
    calls = model.encoders[Modality.AUDIO].calls
    drop(app, face_png=picture_bytes("png"), tone_wav=sound)
    assert app.session_state["source"].name == "face.png"
    assert len(rows(app)) == 2
    assert model.encoders[Modality.AUDIO].calls == calls + 1  # the new one, which has no sound
    drop(app, tone_wav=sound)
    assert app.session_state["source"].name == "tone.wav"
    assert not rows(app)
    app.button(key="forget-clips").click().run()
    assert not headlines(app)


def test_the_table_fills_while_the_files_are_read(app, sound, monkeypatch):
    monkeypatch.setattr(batch_rows, "_AT_ONCE", 0.0)  # the page shows each answer as it comes
    seen: list[list[str]] = []
    real = batch._as_shown

    def shown(*given):
        table = real(*given)
        seen.append(table["Answer"].tolist())
        return table

    monkeypatch.setattr(batch, "_as_shown", shown)
    drop(app, face_png=picture_bytes("png"), notes_txt=b"words", tone_wav=sound)
    assert [row.count(batch.WAITING) for row in seen] == [2, 2, 1, 0]
    assert [row.count(batch.READING) for row in seen] == [1, 0, 0, 0]
    assert "batch-stop" not in {b.key for b in app.button}
    assert seen[-1][1] == batch.NOT_READ


def test_the_reading_can_be_stopped_and_go_on(app, sound, monkeypatch):
    with monkeypatch.context() as pressed:  # before the second file is read
        for module in (batch, batch_rows):
            pressed.setattr(module, "is_stopped", lambda sources: True)
        drop(app, face_png=picture_bytes("png"), tone_wav=sound)
    assert len(headlines(app)) == 1, "the selected file is read"
    assert rows(app)[1][1] == batch.WAITING
    assert app.button(key="batch-stop").label == "Read the rest"
    app.session_state["batch-stopped"] = files(app)
    app.run()
    app.button(key="batch-stop").click().run()
    assert rows(app)[1][2] is not pd.NA


def test_two_files_side_by_side_and_back(app, sound):
    drop(app, face_png=picture_bytes("png"), tone_wav=sound, notes_txt=b"words")
    beside = app.selectbox[-1]
    assert beside.options == ["tone.wav", "notes.txt"]
    assert "compare-end" not in {b.key for b in app.button}
    beside.set_value(1).run()
    assert not app.exception
    assert len(headlines(app)) == 2
    assert app.selectbox[-1].value == 1
    assert len(rows(app)) == 3, "the table stays"
    app.button(key="compare-end").click().run()
    assert len(headlines(app)) == 1
    assert app.selectbox[-1].value is None


def test_a_file_that_is_known_to_be_unreadable_is_not_tried_at_every_turn(app, sound, monkeypatch):
    drop(app, notes_txt=b"words", tone_wav=sound)
    monkeypatch.setattr("ui.analyze.analysis.load_upload", None)
    app.run()
    assert not app.exception
    assert errors(app).count("notes.txt is not a video") == 1


def test_the_csv_has_the_columns_of_the_command_line(app, sound, model):
    drop(app, tone_wav=sound, notes_txt=b"words")
    sources = files(app)
    found = [app.session_state["batch-rows"][key] for key in app.session_state["batch-rows"]]
    table = batch._as_csv(sources, [found[0], None], models.model_loader())
    assert list(table.columns) == list(table_columns(model.labels, model.modalities))
    assert table["path"].tolist() == ["tone.wav", "notes.txt"]
    assert table["label"][0] in model.labels
    assert table["reason"][1] == "not read yet"
    assert found[1].full["reason"].startswith("not read: notes.txt is not a video")


def files(at: AppTest):
    return at.session_state["files"]


def test_another_input_hides_the_table(app, sound):
    drop(app, tone_wav=sound, notes_txt=b"words")
    app.button(key="sample-arrival").click().run()
    assert not rows(app)
    assert not app.error


def test_a_bad_file_among_several_can_be_the_one_that_is_shown(app, sound):
    drop(app, notes_txt=b"words", tone_wav=sound)
    assert errors(app).count("notes.txt is not a video") == 1
    assert not headlines(app)


@pytest.fixture
def black(model, monkeypatch):
    """Every file is a clip in which nothing is found."""
    empty = replace(
        make_clip(text=None, sound=False, faces=0), notes=("only the first 60 s of this clip were used",)
    )
    monkeypatch.setattr("ui.analyze.analysis.load_upload", lambda data, name, **_: empty)
    return empty


def test_nothing_to_read_is_said_and_no_frequencies_are_drawn(app, black):
    drop(app, black_mp4=b"x")
    (said,) = headlines(app)
    assert "Nothing to read" in said
    for reason in (
        "Words: nothing was said or typed.",
        "Voice: the clip has no sound.",
        "Face: no face in 4 of 4",
    ):
        assert reason in said
    assert "Type what was said under Words" in said
    assert not app.get("plotly_chart")
    assert not app.toggle
    assert "in training" not in " ".join(c.value for c in app.caption)


def test_words_that_are_typed_for_an_empty_clip_are_answered(app, black):
    drop(app, black_mp4=b"x")
    app.text_area[0].set_value("I am so glad").run()
    assert not app.exception
    (said,) = headlines(app)
    assert "Nothing to read" not in said
    assert app.get("plotly_chart")


def test_an_empty_clip_among_several_is_a_row(app, black):
    drop(app, black_mp4=b"x", other_mp4=b"y")
    assert rows(app)[0][1] == "Nothing to read"
    assert (
        "Voice: the clip has no sound" in rows(app)[0][3] or "voice: the clip has no sound" in rows(app)[0][3]
    )


def test_what_was_used_of_a_clip_stands_beside_the_answer(app, model, monkeypatch):
    note = "only the first 60 s of this clip were used"
    monkeypatch.setattr(
        "ui.analyze.analysis.load_upload", lambda data, name, **_: replace(make_clip(), notes=(note,))
    )
    drop(app, long_mp4=b"x")
    assert [i.value for i in app.info if "60 s" in i.value] == ["Only the first 60 s of this clip were used."]
    order = [getattr(e, "value", "") for e in app.main if isinstance(getattr(e, "value", ""), str)]
    said = next(i for i, v in enumerate(order) if '<div class="mmer-answer' in v)
    assert "60 s" in order[said + 1]


def test_a_report_on_nothing_says_so(model):
    from ui.analyze.clip_report import clip_report
    from ui.analyze.source import Source

    observation = model.observe(make_clip(text=None, sound=False, faces=0))
    report = clip_report(
        Source("black.mp4", b"x"), observation, model.fuse(observation), None, record=model.record
    )
    assert "Nothing to read" in report
    assert "What led to" not in report
    assert "in training" not in report.split("What was read, and by what")[0]
