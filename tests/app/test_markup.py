"""What people name, type or say is shown as it is: no HTML, no Markdown, nothing that a page would load.

One payload stands in every place that takes something from a person or a file. What a page sends to the
browser is then searched: where text has markup, the payload must have lost its meaning; where it has none
(cells, values of text boxes, options of a select box) it may stand as it is.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import replace

import pytest
from google.protobuf.message import Message
from media_factory import write_sound
from run_folders import write_run
from streamlit.testing.v1 import AppTest

import mmer_core.recordings
from mmer_core.config import ROOT
from mmer_core.media.speech import Transcript
from mmer_core.recordings import Recording, Utterance
from tiny_model import make_clip, make_model
from ui import models
from ui.analyze.recording_report import recording_report
from ui.analyze.recording_view import TABLE
from ui.results.run_report import run_report
from ui.train.corpus import SENT

NAME = "<img src=x onerror=a()>![p](e)[l](e):material_bug:$x$:red[r]**b**<a href=e>"
#: What must not be in text with markup: each as Streamlit would take it for something else.
LIVE = re.compile(r"(?<!\\)<(?:img|a )|(?<!\\)\]\(|:material_bug:|(?<!\\)\$x|(?<!\\):red\[|(?<!\\)\*\*b")
LIVE_HTML = re.compile(r"<img|<a href")
NOTE = "only the first 60 s of this clip were used"
#: Fields that the browser shows as text, by the name of the message.
TEXT_ONLY = {
    ("TextInput", "value"), ("TextInput", "default"), ("TextInput", "placeholder"),
    ("TextArea", "value"), ("TextArea", "default"),
    ("Selectbox", "options"), ("Selectbox", "raw_value"),
    ("MultiSelect", "options"), ("MultiSelect", "raw_values"),
    ("Code", "code_text"), ("PlotlyChart", "alt"), ("Image", "alt"), ("Audio", "alt"), ("Video", "alt"),
    ("ImageList", "alt"), ("UploadedFileInfo", "name"), ("Arrow", "alt"),
}  # fmt: skip
#: Its pieces are put in as text by the components' own scripts; see tests/browser/test_markup.py.
COMPONENTS = {"BidiComponent"}


def texts(message: Message, path: tuple[str, ...] = ()):
    """(name of the message, name of the field, text) of all texts in a message."""
    kind = message.DESCRIPTOR.name
    for field, value in message.ListFields():
        for part in value if field.is_repeated and not hasattr(value, "items") else (value,):
            if isinstance(part, Message):
                yield from texts(part)
            elif isinstance(part, str):
                yield kind, field.name, part


def nodes(block):
    for child in block.children.values():
        yield child
        if hasattr(child, "children"):
            yield from nodes(child)


def live(at: AppTest) -> list[str]:
    """Where the payload has a meaning on a page."""
    found = []
    for node in nodes(at._tree):
        if not isinstance(getattr(node, "proto", None), Message):
            continue
        for kind, field, text in texts(node.proto):
            if "onerror" not in text or kind in COMPONENTS or (kind, field) in TEXT_ONLY:
                continue
            pattern = LIVE_HTML if kind in ("Html", "PlotlyChart") else LIVE
            if match := pattern.search(text):
                found.append(f"{kind}.{field}: …{text[max(0, match.start() - 60) : match.end() + 60]}…")
    return found


def shown(at: AppTest) -> bool:
    """Whether the payload is on the page at all."""
    return any(
        "onerror" in text
        for node in nodes(at._tree)
        if isinstance(getattr(node, "proto", None), Message)
        for *_, text in texts(node.proto)
    )


def check(at: AppTest) -> AppTest:
    assert not at.exception, at.exception[0].stack_trace
    assert shown(at), "the payload is nowhere: this test tests nothing"
    assert live(at) == []
    return at


def open_page(page: str = "analyze", **query: str) -> AppTest:
    models.model_loader().wait()
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.switch_page(f"pages/{page}.py")
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    assert not at.exception, at.exception[0].stack_trace
    return at


@pytest.fixture
def sound(tmp_path) -> bytes:
    write_sound(tmp_path / "tone.wav")
    return (tmp_path / "tone.wav").read_bytes()


def test_the_search_finds_what_it_should():
    for show in ("markdown(name)", "html(name)", "button(name)", "tabs([name])", "radio('x', [name])"):
        at = AppTest.from_string(f"import streamlit as st\nname = {NAME!r}\nst.{show}").run()
        assert not at.exception
        assert live(at), show
    at = AppTest.from_string(f"import streamlit as st\nst.selectbox('x', [{NAME!r}])").run()
    assert shown(at)
    assert live(at) == []


def test_words_and_names_of_files(app, sound):
    app.text_input[0].set_value(NAME)
    next(b for b in app.button if b.label == "Analyze text").click().run()
    check(app)
    check(app.file_uploader[0].set_value([(f"{NAME}.wav", sound, "")]).run())
    check(app.file_uploader[0].set_value([(f"{NAME}.wav", b"no sound", "")]).run())
    several = [(f"{NAME}.wav", sound, ""), (f"{NAME}.txt", b"x", ""), ("b.wav", sound[:-10], "")]
    check(app.file_uploader[0].set_value(several).run())
    app.switch_page("pages/ablation.py").run()
    assert not app.exception
    assert live(app) == []


def test_words_that_were_heard(install_model, monkeypatch):
    made = install_model(make_model(), transcript=Transcript("", (), 0.0))
    monkeypatch.setattr(
        "ui.analyze.analysis.load_upload",
        lambda data, name, **_: replace(make_clip(text=NAME), notes=(NOTE, f"note {NAME}"), whole=120.0),
    )
    recording = _recording(made)
    monkeypatch.setattr(mmer_core.recordings, "read_recording", lambda *_, **__: recording)
    at = open_page()
    check(at.file_uploader[0].upload(f"{NAME}.mp4", b"bytes").run())
    at.button(key="whole-read").click().run()
    (job,) = at.session_state["recordings"].values()
    assert job._ended.wait(20)
    check(at.run())
    for box in [t for t in at.text_input if t.label.startswith("Speaker")]:
        box.set_value(NAME[:40])
    check(at.run())
    next(g for g in at.get("button_group") if g.label == "What to list").set_value(TABLE).run()
    check(at)


def _recording(model) -> Recording:
    spoken = [
        Utterance(
            10.0 * i, 10.0 * i + 5, words=NAME, speaker=i,
            prediction=model.fuse(model.observe(make_clip(text=NAME))),
        )
        for i in range(2)
    ]  # fmt: skip
    return Recording(
        "recording", 0, 120, tuple(spoken), True, (f"note {NAME}",), model.labels, model.identity
    )


def test_reports(model, folder):
    recording = _recording(model)
    page = recording_report(replace(recording, name=NAME), {0: NAME, 1: NAME}, record=model.record)
    assert "onerror" in page
    assert not LIVE_HTML.search(without_scripts(page))
    run = write_run(folder / "a", labels=("joy", NAME), corpus="x", notes=[NAME], command=NAME)
    page = run_report(run)
    assert "onerror" in page
    assert not LIVE_HTML.search(without_scripts(page))
    assert "</script><img" not in page


def without_scripts(page: str) -> str:
    """The page without scripts, whose texts are no HTML."""
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def test_runs_with_names_labels_and_notes(model, folder):
    labels = ("joy", NAME, "anger", "fear")
    for name in ("a", "b"):
        write_run(
            folder / name, labels=labels, corpus=NAME, notes=[f"note {NAME}"], command=f"mmer train {NAME}",
            selection=NAME,
        )  # fmt: skip
    check(open_page("results"))
    check(open_page("results", run="a"))
    at = open_page("results")
    at.query_params["run"] = ["a", "b"]
    check(at.run())
    check(open_page("ablation", run="a"))


def test_a_model_with_a_card_and_labels(install_model, folder, monkeypatch):
    labels = ("joy", NAME, "anger")
    made = make_model(labels=labels)
    card = {
        "data": {"text": [{"name": NAME, "n": 3, "licence": NAME}]},
        "limits": [NAME], "intended_use": NAME, "for": [NAME], "description": NAME, "notes": [NAME],
    }  # fmt: skip
    made.record.update(name=NAME, version=NAME, licence=NAME, card=card)
    run = write_run(folder / "mine", labels=labels)
    made.save(run.path / "model")
    said = NAME.replace("**b**", "")  # bold text may stay bold in a card
    (run.path / "model" / "README.md").write_text(f"# Card\n\n{said}\n\n| a |\n| --- |\n| {said} |\n")
    install_model(made)
    at = open_page("results", run="mine")
    at.session_state["model-folder"] = run.path / "model"
    for page in ("about", "analyze", "live", "ablation"):
        at.switch_page(f"pages/{page}.py").run()
        assert not at.exception, at.exception[0].stack_trace
        assert live(at) == []
        assert shown(at) or page in ("live", "ablation")
    at.switch_page("pages/analyze.py").run()
    at.text_input[0].set_value("said")
    next(b for b in at.button if b.label == "Analyze text").click().run()
    check(at)


def test_an_uploaded_corpus(model, folder, tmp_path, sound):
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as archive:
        for emotion in ("happy", "angry", f"{NAME} x"):
            for i in range(4):
                archive.writestr(f"{emotion}/s{i}_{NAME}.wav", sound)
        archive.writestr(f"../{NAME}", b"x")
    at = open_page("train")
    control = next(
        c for c in (*at.selectbox, *at.radio, *at.get("button_group")) if c.label == "Where the data is"
    )
    control.set_value(SENT).run()
    check(
        at.file_uploader(key="train-upload").upload(f"{NAME}.zip", (tmp_path / "made.zip").read_bytes()).run()
    )
