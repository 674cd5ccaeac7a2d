"""`evaluate`: every subset, nothing stops at a bad file."""

import json

import numpy as np
import pytest
from media_factory import write_sound

from mmer_core import metrics
from mmer_core.cli.evaluate import describe
from mmer_core.clip import Dialogue
from mmer_core.inference import evaluate as evaluation
from mmer_core.inference.baseline import Baseline
from mmer_core.inference.evaluate import OWN, answer_subsets, evaluate
from mmer_core.inference.items import Item, Skipped, class_of, read_items
from mmer_core.inference.scored import Answer, Evaluation
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import EMOTIONS, Modality, subset_name, subsets
from mmer_core.media.loading import MediaError
from tiny_model import DIM, make_clip, make_model

THREE = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)


@pytest.fixture
def model(monkeypatch):
    tiny = make_model()
    monkeypatch.setattr(evaluation.EmotionModel, "load", classmethod(lambda cls, *_: tiny))
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
    assert set(data) == {"labels", "baseline", "n", "subsets", "confusion", "skipped", "seconds"}
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
    monkeypatch.setattr(evaluation.EmotionModel, "load", classmethod(lambda cls, *_: tiny))
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


class TestOwnBaseline:
    """Each speaker's own clips as the baseline of their clips."""

    ITEMS = (
        Item("1", "joy", "a", "so glad", speaker="ann"),
        Item("2", "anger", "b", "oh", speaker="bob"),
        Item("3", "fear", "c", "no", speaker="ann"),
        Item("4", "boredom", "a", "hm", speaker="bob"),
        Item("5", "joy", "d", "yes"),
        Item("6", "joy", None, "words only", speaker="ann"),
    )

    @pytest.fixture
    def model(self, monkeypatch):
        mean, sd = np.full(DIM, 0.1, np.float32), np.full(DIM, 0.5, np.float32)
        tiny = make_model("early", input_scaling={Modality.AUDIO: InputScaling(mean, sd, 2.0)})
        monkeypatch.setattr(evaluation.EmotionModel, "load", classmethod(lambda cls, *_: tiny))
        monkeypatch.setattr(
            evaluation, "load_clip", lambda path, text=None: make_clip(ord(path), text=text, faces=0)
        )
        return tiny

    def test_a_speaker_is_compared_with_all_of_their_own_clips_in_the_order_of_the_items(
        self, model, tmp_path
    ):
        done = []
        result = evaluate(tmp_path, self.ITEMS, baseline="own", progress=done.append)
        assert [a.id for a in result.answers] == ["1", "2", "3", "5", "6"]
        assert [s.id for s in result.skipped] == ["4"]
        assert done[-1] == len(self.ITEMS)
        assert done == sorted(done)
        ann = [make_clip(ord(c), text="so", faces=0) for c in "ac"]
        rows = [model.observe(clip).features[Modality.AUDIO] for clip in ann]
        seen = model.observe(make_clip(ord("a"), text="so glad", faces=0))
        compared = model.with_baseline(seen, {Modality.AUDIO: Baseline.of(rows, 2.0)})
        expected, plain = answer_subsets(model, compared), answer_subsets(model, seen)
        np.testing.assert_allclose(result.answers[0].probabilities["text+audio"], expected["text+audio"])
        assert not np.allclose(expected["audio"], plain["audio"], atol=1e-4)
        alone = evaluate(tmp_path, self.ITEMS)
        for which, same in ((0, False), (3, True), (4, True)):
            a, b = (r.answers[which].probabilities["text+audio"] for r in (result, alone))
            assert np.array_equal(a, b) is same

    def test_it_says_what_was_compared_with(self, model, tmp_path):
        own = evaluate(tmp_path, self.ITEMS, baseline="own")
        assert own.baseline == f"{OWN} (2 speakers; the average training speaker for 1 without a speaker)"
        assert own.to_json()["baseline"] == own.baseline
        assert f"Compared with: {own.baseline}" in describe(own)
        assert evaluate(tmp_path, self.ITEMS).baseline == "the average training speaker"

    def test_what_cannot_be_is_one_sentence(self, model, tmp_path, monkeypatch):
        with pytest.raises(ValueError, match="no row names its speaker: add the column speaker"):
            evaluate(tmp_path, self.ITEMS[4:5], baseline="own")
        plain = make_model()
        monkeypatch.setattr(evaluation.EmotionModel, "load", classmethod(lambda cls, *_: plain))
        with pytest.raises(ValueError, match="choose --baseline none"):
            evaluate(tmp_path, self.ITEMS, baseline="own")
        assert "Compared with" not in describe(evaluate(tmp_path, self.ITEMS))


def test_items_know_who_speaks(tmp_path):
    table = tmp_path / "clips.csv"
    table.write_text("id,path,text,label,speaker\n1,,so,joy,a\n2,,glad,joy,\n")
    items, _ = read_items(str(table), EMOTIONS)
    assert [item.speaker for item in items] == ["a", ""]
