"""A trained model in place of the shipped one: taken up on Results and on Train, named on Analyze, Live and
About, given back with one click. Any classes, and any modalities. Without a browser.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from media_factory import write_sound
from run_folders import write_run
from streamlit.testing.v1 import AppTest

from mmer_core.config import DEFAULT_CHECKPOINT, ROOT
from mmer_core.crossval.card import card_of
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.labels import EMOTIONS, Modality
from mmer_core.media.speech import Transcript
from mmer_core.runs import jobs
from tiny_model import make_clip, make_model
from ui import models

TEXT, AUDIO, VISUAL = Modality.TEXT, Modality.AUDIO, Modality.VISUAL
VOICE_AND_FACE = (AUDIO, VISUAL)
OWN = ("calm", "very tired", "contempt")


@pytest.fixture
def trained(folder, install_model, monkeypatch) -> Callable[..., Path]:
    """A function that writes a finished run with a model; the model is loaded from there, every other folder
    gives the tiny shipped one.
    """

    def find_faces(clip):
        return replace(clip, faces=replace(make_clip().faces, frames_seen=len(clip.frames)))

    shipped = install_model(make_model(), find_faces=find_faces, transcript=Transcript("what a day", (), 0.0))
    made = {}
    monkeypatch.setattr(models, "load_model", lambda place: made.get(place, shipped))

    def train(name: str = "mine", *, labels=EMOTIONS[:4], modalities=VOICE_AND_FACE, **model) -> Path:
        run = write_run(folder / name, labels=labels, modalities=modalities)
        model = make_model("early", labels=labels, modalities=modalities, seed=3, **model)
        model.record |= {"name": name, "card": card_of(run.record)}
        model.save(run.path / "model")
        made[run.path / "model"] = model
        return run.path

    return train


def open_page(page: str, **query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.switch_page(f"pages/{page}.py")
    for name, value in query.items():
        at.query_params[name] = value
    return run(at)


def run(at) -> AppTest:
    """The page, or a control of it, run again."""
    at = at.run()
    assert not at.exception, at.exception[0].stack_trace
    return at


def go(at: AppTest, page: str) -> AppTest:
    at.query_params.clear()
    return run(at.switch_page(f"pages/{page}.py"))


def button(at: AppTest, label: str):
    return next(b for b in at.button if b.label == label)


def labels(at: AppTest) -> list[str]:
    return [b.label for b in at.button]


def text(at: AppTest) -> str:
    found = [e.value for kind in (at.markdown, at.caption, at.info, at.error) for e in kind]
    return " ".join(found).replace("\\", "")


def headline(at: AppTest) -> str:
    return next(h.value for h in at.html if 'class="mmer-answer' in h.value)


def bars(at: AppTest) -> dict:
    chart = next(c for c in at.get("plotly_chart") if c.proto.id.endswith("-emotions"))
    return json.loads(chart.proto.spec)["data"][0]


def use(at: AppTest) -> AppTest:
    return run(button(at, "Use this model").click())


def give_sound(at: AppTest, tmp_path: Path) -> AppTest:
    write_sound(tmp_path / "tone.wav")
    return run(at.file_uploader[0].upload("tone.wav", (tmp_path / "tone.wav").read_bytes()))


def test_a_model_is_used_from_results_and_given_back(trained, tmp_path):
    path = trained()
    at = use(open_page("results", run="mine"))
    assert button_is_gone(at)
    assert "mine is in use" in text(at)
    go(at, "analyze")
    assert "Model in use: mine" in text(at).replace("*", "")
    accuracy = read_accuracy(path)
    for part in ("crema_d, 4 emotions", "it reads voice and face", f"accuracy {accuracy} %"):
        assert part in text(at)
    give_sound(at, tmp_path)
    assert [y.split()[-1].lower() for y in bars(at)["y"]] == list(EMOTIONS[:4])
    run(button(at, "Back to the shipped model").click())
    assert "Model in use" not in text(at)
    assert len(bars(at)["y"]) == len(EMOTIONS), "the same clip, read by the shipped model"


def button_is_gone(at: AppTest) -> bool:
    return "Use this model" not in labels(at)


def read_accuracy(path: Path) -> str:
    from mmer_core.runs.run import CVRun
    from ui.results.charts import score

    run = CVRun.open(path)
    return score(run.metrics[run.full]["accuracy"])


def test_a_model_is_used_from_the_card_of_its_training(trained, folder, monkeypatch):
    trained()
    job = jobs.start(folder, "a training", [["python", "-c", "pass"]], ["mine"])
    while jobs.read(job.path).status is jobs.Status.RUNNING:
        pass
    at = use(open_page("train"))
    assert "mine is in use" in text(at)
    go(at, "live")
    assert "Model in use: mine" in text(at).replace("*", "")
    assert "Watch voice and face being read" in text(at)
    run(button(at, "Back to the shipped model").click())
    assert "Watch words, voice and face being read" in text(at)


def test_about_shows_the_card_of_the_model_in_use_and_the_shipped_one(trained):
    trained()
    at = use(open_page("results", run="mine"))
    go(at, "about")
    found = [h.value for h in at.header]
    assert found.index("The model in use") < found.index("More about the shipped model")
    assert "it does not know what a person feels" in text(at)
    assert any(c.proto.id.endswith("in-use-subsets") for c in at.get("plotly_chart"))


@pytest.mark.parametrize(
    "classes", [EMOTIONS[:4], EMOTIONS, (*EMOTIONS, "calm"), OWN], ids=["4", "7", "8", "own names"]
)
def test_any_classes_are_shown_on_every_page(trained, tmp_path, classes):
    trained(labels=classes)
    at = use(open_page("results", run="mine"))
    go(at, "analyze")
    give_sound(at, tmp_path)
    assert len(set(bars(at)["marker"]["color"])) == len(classes)
    assert any(name[1:] in headline(at) for name in classes)
    for page in ("about", "ablation"):
        go(at, page)


@pytest.mark.parametrize("modalities", [(TEXT,), (AUDIO,), (VISUAL,), (TEXT, AUDIO), VOICE_AND_FACE])
def test_any_modalities_are_read(trained, small_video, modalities):
    trained(modalities=modalities)
    at = use(open_page("results", run="mine"))
    go(at, "analyze")
    assert ("Type what someone said" in [t.label for t in at.text_input]) is (TEXT in modalities)
    run(at.file_uploader[0].upload("clip.mp4", small_video.read_bytes()))
    assert [t.label for t in at.toggle] == [
        {TEXT: "Words", AUDIO: "Voice", VISUAL: "Face"}[m] for m in modalities
    ]
    assert bool(at.text_area) is (TEXT in modalities)
    run(at.toggle[0].set_value(False))
    go(at, "live")


def test_a_modality_whose_features_came_with_the_corpus_is_named_and_the_others_are_read(trained, tmp_path):
    trained(without_encoder=[VISUAL])
    at = open_page("results", run="mine")
    sentence = "The features of face came with the corpus and cannot be computed"
    assert sentence in text(at)
    use(at)
    go(at, "analyze")
    assert "it reads voice;" in text(at)
    give_sound(at, tmp_path)
    face = next(t for t in at.toggle if t.label == "Face")
    assert face.disabled
    assert sentence in face.help


def test_a_model_that_can_read_no_clip_says_so_in_one_sentence(trained):
    trained(without_encoder=VOICE_AND_FACE)
    at = open_page("results", run="mine")
    assert button_is_gone(at)
    assert "The features of voice and face came with the corpus and cannot be computed" in text(at)
    assert "train with encoders" in text(at)


def test_a_run_without_a_model_says_so_in_one_sentence(folder, install_model):
    install_model(make_model())
    write_run(folder / "old")
    at = open_page("results", run="old")
    assert button_is_gone(at)
    assert "no model, so it cannot read clips: train it again" in text(at)


def test_a_damaged_model_is_one_sentence(trained):
    path = trained()
    (path / "model" / "fusion.safetensors").write_bytes(b"")
    at = open_page("results", run="mine")
    assert button_is_gone(at)
    assert "copy the whole" in text(at)


def test_a_model_that_was_deleted_leaves_the_way_back(trained, monkeypatch):
    path = trained()
    at = use(open_page("results", run="mine"))
    (path / "model" / "model.json").unlink()
    models.forget_loaded()
    monkeypatch.setattr(models, "load_model", EmotionModel.load)
    go(at, "analyze")
    with pytest.raises(models.ModelUnavailable):
        models.loader_of(path / "model").wait()
    run(at)
    assert "no model" in text(at).lower()
    assert "Model in use: mine" in text(at).replace("*", "")
    run(button(at, "Back to the shipped model").click())
    assert not at.error


def test_at_most_two_models_stay_in_memory(monkeypatch):
    loads = []
    monkeypatch.setattr(models, "load_model", lambda folder: loads.append(folder) or make_model())
    models.forget_loaded()
    try:
        folders = [DEFAULT_CHECKPOINT, Path("/a"), Path("/b")]
        for folder in folders:
            models.loader_of(folder).wait()
        models.loader_of(Path("/b")).wait()
        assert loads == folders
        models.loader_of(DEFAULT_CHECKPOINT).wait()
        assert loads == [*folders, DEFAULT_CHECKPOINT], "the one asked for longest ago was let go"
    finally:
        models.forget_loaded()
