"""The samples: each is answered at once from what came with the app, and the shipped model agrees with it."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from mmer_core.checkpoint import fingerprint, read_record
from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.labels import Modality
from mmer_core.media.loading import load_clip
from recipes.samples import answers, main
from tiny_model import make_model
from ui.analyze.samples import SAMPLES_FOLDER, Sample, samples

SHIPPED = json.loads((SAMPLES_FOLDER / "answers.json").read_text(encoding="utf-8"))
BY_ID = {sample.id: sample for sample in samples()}


def press(at: AppTest, key: str) -> AppTest:
    at.button(key=key).click().run()
    assert not at.exception
    return at


def headline(at: AppTest) -> str:
    return next(h.value for h in at.html if '<div class="mmer-answer' in h.value)


def text(at: AppTest) -> str:
    return " ".join(e.value for e in (*at.markdown, *at.caption, *at.html))


def test_there_are_six_to_eight_of_every_kind_and_each_names_its_source():
    assert 6 <= len(samples()) <= 8
    assert any(s.file is None for s in samples())
    assert {(s.file or "").rpartition(".")[2] for s in samples()} >= {"mp4", "mp3", "jpg"}
    sources = (SAMPLES_FOLDER / "SOURCES.md").read_text(encoding="utf-8")
    for sample in samples():
        assert sample.credit
        assert sample.file is None or sample.file in sources
        assert sample.poster is None or (SAMPLES_FOLDER / "posters" / sample.poster).is_file()


def test_the_answers_are_those_of_the_shipped_model():
    assert SHIPPED["model"] == fingerprint(read_record(DEFAULT_CHECKPOINT)), "run python -m recipes.samples"
    assert set(SHIPPED["samples"]) == set(BY_ID)


def test_the_samples_show_what_they_say():
    def own(name: str) -> set[str]:
        whole = max(SHIPPED["samples"][name]["subsets"].values(), key=lambda p: len(p["subsets"]))
        found = [m["probabilities"] for m in whole["modalities"].values() if m["probabilities"]]
        return {max(p, key=p.get) for p in found}

    assert len(own("happy")) == 1
    assert len(own("torn")) == 2
    assert len(SHIPPED["samples"]["change"]["changes"]) > 1
    assert len(load_clip(SAMPLES_FOLDER / "speech.mp4").frames) > 0


@pytest.mark.parametrize("name", list(BY_ID))
def test_each_is_answered_at_once_without_reading_anything(app, model, name):
    sample = BY_ID[name]
    press(app, f"sample-{name}")
    assert not any(encoder.calls for encoder in model.encoders.values())
    assert sample.credit in text(app) or sample.file is None
    found = SHIPPED["samples"][name]["subsets"]
    whole = max(found.values(), key=lambda p: len(p["subsets"]))
    if not whole["unsure"]:
        assert whole["label"].capitalize() in headline(app)
    there = [t.label for t in app.toggle if not t.disabled]
    assert len(there) == sum(m["present"] for m in whole["modalities"].values())


def test_switches_of_a_sample_work_without_the_model(app, model):
    press(app, "sample-torn")
    before = headline(app)
    next(t for t in app.toggle if t.label == "Face").set_value(False).run()
    assert headline(app) != before
    assert "Sadness" in headline(app)
    for toggle in app.toggle:
        if toggle.label == "Words":
            toggle.set_value(False).run()
    assert "Most frequent in training" in headline(app)
    assert not any(encoder.calls for encoder in model.encoders.values())


def test_a_sample_can_be_read_anew(app, model):
    press(app, "sample-torn")
    press(app, "read-here")
    assert model.encoders[Modality.TEXT].calls
    assert app.text_area[0].value == BY_ID["torn"].text


def test_another_model_reads_the_samples_itself(app, model, monkeypatch):
    monkeypatch.setattr("ui.analyze.samples._answers", lambda: SHIPPED | {"model": "another"})
    press(app, "sample-arrival")
    assert model.encoders[Modality.TEXT].calls == 1


def test_samples_of_a_model_without_words_have_a_face_or_a_voice():
    sentence = Sample("s", "s", "s", "s", text="hello")
    assert not sentence.reads(Modality.VISUAL)
    assert sentence.reads(Modality.TEXT)


def test_the_recipe_writes_what_the_app_reads(tmp_path, monkeypatch):
    model = make_model()
    listed = [{"id": "a", "text": "what a day"}]
    (tmp_path / "samples.json").write_text(json.dumps(listed), encoding="utf-8")
    found = answers(model, tmp_path)
    assert found["model"] == model.identity["sha256"]
    assert set(found["samples"]["a"]["subsets"]) == {"none", "text"}
    assert found["samples"]["a"]["words"] == "what a day"
    voice = found["samples"]["a"]["subsets"]["text"]["modalities"]["audio"]
    assert voice["reason"] != "switched off", "the sentence has no voice; nobody switched it off"
    monkeypatch.setattr("recipes.samples.EmotionModel.load", lambda folder: model)
    main(["--folder", str(tmp_path)])
    assert json.loads((tmp_path / "answers.json").read_text(encoding="utf-8")) == found


@pytest.mark.long
def test_the_shipped_model_gives_these_answers():
    from mmer_core.inference.emotion_model import EmotionModel

    now = answers(EmotionModel.load())["samples"]
    for name, kept in SHIPPED["samples"].items():
        assert set(now[name]["subsets"]) == set(kept["subsets"])
        assert (now[name]["words"], now[name]["duration"]) == (kept["words"], kept["duration"])
        assert [change[2] for change in now[name]["changes"]] == [change[2] for change in kept["changes"]]
        for subset, prediction in kept["subsets"].items():
            found = now[name]["subsets"][subset]
            assert found["probabilities"] == pytest.approx(prediction["probabilities"], abs=5e-3)
            assert (found["notes"], found["warnings"]) == (prediction["notes"], prediction["warnings"])
            assert _reasons(found) == _reasons(prediction)


def _reasons(prediction):
    return {modality: found["reason"] for modality, found in prediction["modalities"].items()}
