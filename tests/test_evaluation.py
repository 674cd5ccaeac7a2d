"""`evaluate`: every subset, nothing stops at a bad file."""

import json

import numpy as np
import pytest

from mmer_core import evaluation, metrics
from mmer_core.clip import Dialogue
from mmer_core.evaluation import Answer, Evaluation, Item, Skipped, answer_subsets, evaluate
from mmer_core.labels import EMOTIONS, Modality, subset_name, subsets
from mmer_core.media import MediaError
from tiny_predictor import make_clip, make_predictor

THREE = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)


@pytest.fixture
def predictor(monkeypatch):
    tiny = make_predictor()
    monkeypatch.setattr(evaluation.Predictor, "load", classmethod(lambda cls, folder: tiny))
    return tiny


@pytest.fixture
def clips(monkeypatch):
    """Items by name: 'whole' has everything, 'mute' no sound and no face, 'broken' cannot be read."""

    def load(path, *, text=None, **_):
        if path == "broken":
            raise MediaError("broken is damaged: choose another file")
        return make_clip(text=text, sound=path != "mute", faces=0 if path == "mute" else 3)

    monkeypatch.setattr(evaluation, "load_clip", load)


def test_answers_for_every_subset_with_something_present(predictor):
    answers = answer_subsets(predictor, predictor.observe(make_clip(sound=False)))
    assert "audio" not in answers
    assert set(answers) == {"text", "visual", "text+audio", "text+visual", "audio+visual", "text+audio+visual"}
    assert np.array_equal(answers["text"], answers["text+audio"])


def test_a_bad_file_is_a_row_with_its_reason(predictor, clips, tmp_path):
    items = [Item("1", "joy", "whole", "so glad"), Item("2", "anger", "broken"), Item("3", "fear", "mute"), Item("4", "sadness", "mute", "oh no")]
    result = evaluate(tmp_path, items, skipped=[Skipped("0", "unknown emotion 'meh'")])
    assert [a.id for a in result.answers] == ["1", "4"]
    assert [s.id for s in result.skipped] == ["0", "2", "3"]
    assert result.skipped[1].reason == "broken is damaged: choose another file"
    assert "no face in 4 of 4 frames" in result.skipped[2].reason
    data = result.to_json()
    assert data["subsets"]["visual"]["n"] == 1
    assert data["subsets"]["text"]["n"] == 2
    assert data["n"] == 2


def test_what_was_said_before_reaches_the_encoder(predictor, clips, tmp_path):
    place = Dialogue(1, 2, 1.0, ("Did you get it?",))
    for path in (None, "whole"):
        evaluate(tmp_path, [Item("1", "joy", path, "Yes!", place)])
        assert predictor.encoders[Modality.TEXT].clip.dialogue == place


def test_json_is_what_other_programs_read(predictor, clips, tmp_path):
    data = json.loads(json.dumps(evaluate(tmp_path, [Item("1", "joy", None, "words only")]).to_json()))
    assert set(data) == {"labels", "n", "subsets", "confusion", "skipped", "seconds"}
    assert data["labels"] == list(EMOTIONS)
    assert list(data["subsets"]) == [subset_name(s) for s in subsets(THREE)]
    assert set(data["subsets"]["text"]) == {"n", "accuracy", "ua", "macro_f1", "weighted_f1"}
    assert data["subsets"]["visual"] == {"n": 0, "accuracy": None, "ua": None, "macro_f1": None, "weighted_f1": None}
    assert np.array(data["confusion"]).sum() == 1


def test_figures_are_those_of_the_confusion_matrix():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(7), size=50)
    truth = rng.integers(0, 7, 50)
    result = Evaluation(EMOTIONS, (Modality.TEXT,), [Answer(str(i), int(t), {"text": p}) for i, (t, p) in enumerate(zip(truth, rows, strict=True))])
    expected = metrics.score_predictions(truth, rows)
    assert result.to_json()["subsets"]["text"] == pytest.approx(expected, abs=1e-5)
