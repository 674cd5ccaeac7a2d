"""`evaluate`: every subset, nothing stops at a bad file."""

import json

import numpy as np
import pytest
from media_factory import write_sound

from mmer_core import metrics
from mmer_core.clip import Dialogue
from mmer_core.inference import evaluate as evaluation
from mmer_core.inference.evaluate import (
    Answer,
    Evaluation,
    Item,
    Skipped,
    answer_subsets,
    class_of,
    evaluate,
    read_items,
)
from mmer_core.labels import EMOTIONS, Modality, subset_name, subsets
from mmer_core.media.loading import MediaError
from tiny_model import make_clip, make_model

THREE = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)


@pytest.fixture
def model(monkeypatch):
    tiny = make_model()
    monkeypatch.setattr(evaluation.EmotionModel, "load", classmethod(lambda cls, folder, device: tiny))
    return tiny


@pytest.fixture
def clips(monkeypatch):
    """Items by name: 'whole' has everything, 'mute' no sound and no face, 'broken' cannot be read."""

    def load(path, *, text=None, **_):
        if path == "broken":
            raise MediaError("broken is damaged: choose another file")
        return make_clip(text=text, sound=path != "mute", faces=0 if path == "mute" else 3)

    monkeypatch.setattr(evaluation, "load_clip", load)


def test_answers_for_every_subset_with_something_present(model):
    answers = answer_subsets(model, model.observe(make_clip(sound=False)))
    assert "audio" not in answers
    assert set(answers) == {
        "text",
        "visual",
        "text+audio",
        "text+visual",
        "audio+visual",
        "text+audio+visual",
    }
    assert np.array_equal(answers["text"], answers["text+audio"])


def test_a_bad_file_is_a_row_with_its_reason(model, clips, tmp_path):
    items = [
        Item("1", "joy", "whole", "so glad"),
        Item("2", "anger", "broken"),
        Item("3", "fear", "mute"),
        Item("4", "sadness", "mute", "oh no"),
        Item("5", "boredom", "whole"),
    ]
    result = evaluate(tmp_path, items, skipped=[Skipped("0", "unknown emotion 'meh'")])
    assert [a.id for a in result.answers] == ["1", "4"]
    assert [s.id for s in result.skipped] == ["0", "2", "3", "5"]
    assert result.skipped[1].reason == "broken is damaged: choose another file"
    assert "no face in 4 of 4 frames" in result.skipped[2].reason
    assert result.skipped[3].reason.startswith("the label 'boredom' is none of the model's classes: neutral,")
    data = result.to_json()
    assert data["subsets"]["visual"]["n"] == 1
    assert data["subsets"]["text"]["n"] == 2
    assert data["n"] == 2


def test_the_turns_before_reach_the_encoder(model, clips, tmp_path):
    place = Dialogue(1, 2, 1.0, ("Did you get it?",))
    for path in (None, "whole"):
        evaluate(tmp_path, [Item("1", "joy", path, "Yes!", place)])
        assert model.encoders[Modality.TEXT].clip.dialogue == place


def test_json_is_what_other_programs_read(model, clips, tmp_path):
    data = json.loads(json.dumps(evaluate(tmp_path, [Item("1", "joy", None, "words only")]).to_json()))
    assert set(data) == {"labels", "n", "subsets", "confusion", "skipped", "seconds"}
    assert data["labels"] == list(EMOTIONS)
    assert list(data["subsets"]) == [subset_name(s) for s in subsets(THREE)]
    assert set(data["subsets"]["text"]) == {"n", "accuracy", "ua", "macro_f1", "weighted_f1"}
    assert data["subsets"]["visual"] == {
        "n": 0,
        "accuracy": None,
        "ua": None,
        "macro_f1": None,
        "weighted_f1": None,
    }
    assert np.array(data["confusion"]).sum() == 1


def test_figures_are_those_of_the_confusion_matrix():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(7), size=50)
    truth = rng.integers(0, 7, 50)
    result = Evaluation(
        EMOTIONS,
        (Modality.TEXT,),
        [Answer(str(i), int(t), {"text": p}) for i, (t, p) in enumerate(zip(truth, rows, strict=True))],
    )
    expected = metrics.score_predictions(truth, rows)
    assert result.to_json()["subsets"]["text"] == pytest.approx(expected, abs=1e-5)


EIGHT = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")


@pytest.mark.parametrize(
    ("label", "labels", "name"),
    [
        ("Happiness", EMOTIONS, "joy"),
        ("calm", EMOTIONS, "neutral"),
        ("calm", EIGHT, "calm"),
        (" Neutral ", EIGHT, "neutral"),
        ("neu", EIGHT, "neutral"),
        ("joy", EIGHT, "happy"),
        ("Boredom", ("Boredom", "joy"), "Boredom"),
    ],
)
def test_a_label_is_mapped_to_the_models_own_classes(label, labels, name):
    assert labels[class_of(label, labels)] == name


def test_a_model_with_other_classes_is_scored_on_them(monkeypatch, clips, tmp_path):
    tiny = make_model("early", labels=EIGHT)
    monkeypatch.setattr(evaluation.EmotionModel, "load", classmethod(lambda cls, folder, device: tiny))
    items = [
        Item("1", "calm", None, "well"),
        Item("2", "joy", None, "so glad"),
        Item("3", "boredom", None, "x"),
    ]
    data = evaluate(tmp_path, items).to_json()
    assert data["labels"] == list(EIGHT)
    assert np.array(data["confusion"]).sum(1).tolist() == [0, 1, 1, 0, 0, 0, 0, 0]
    assert [row["id"] for row in data["skipped"]] == ["3"]


def test_labels_of_a_table_or_a_folder_that_the_model_has_stay_what_they_are(tmp_path):
    table = tmp_path / "clips.csv"
    table.write_text("id,path,text,label,speaker\n1,,so,calm,a\n2,,glad,happiness,b\n3,,huh,boredom,b\n")
    items, skipped = read_items(str(table), EIGHT)
    assert [EIGHT[class_of(item.label, EIGHT)] for item in items] == ["calm", "happy"]
    assert [row.id for row in skipped] == ["3"]
    items, _ = read_items(str(table), EMOTIONS)
    assert [item.label for item in items] == ["neutral", "joy"]
    for label in ("calm", "angry"):
        (tmp_path / "clips" / label).mkdir(parents=True)
        write_sound(tmp_path / "clips" / label / "a.wav", seconds=0.2)
    items, _ = read_items(str(tmp_path / "clips"), EIGHT)
    assert [EIGHT[class_of(item.label, EIGHT)] for item in items] == ["angry", "calm"]
