"""Scoring into a table: every answer is kept, and a second start reads only what is missing."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mmer_core.batch import evaluation
from mmer_core.batch.evaluation import answer_columns, evaluate_into
from mmer_core.inference import evaluate as scoring
from mmer_core.inference import record as records
from mmer_core.inference.evaluate import evaluate
from mmer_core.inference.items import Item
from mmer_core.inference.scoring import InputScaling
from mmer_core.labels import Modality
from mmer_core.media.loading import MediaError
from tiny_model import DIM, make_clip, make_model

ITEMS = [
    Item("1", "joy", "a", "so glad"),
    Item("2", "anger", "broken"),
    Item("3", "boredom", "b"),
    Item("4", "fear", "mute"),
    Item("5", "joy", None, "what a day"),
]


@pytest.fixture
def read(monkeypatch):
    """The clips that were decoded."""
    done = []

    def load(path, *, text=None, **_):
        done.append(path)
        if path == "broken":
            raise MediaError("broken is damaged: choose another file")
        return make_clip(text=text, sound=path != "mute", faces=0 if path == "mute" else 3)

    monkeypatch.setattr(scoring, "load_clip", load)
    return done


@pytest.fixture
def folder(monkeypatch, tmp_path):
    tiny = make_model()
    monkeypatch.setattr(scoring.EmotionModel, "load", classmethod(lambda cls, folder, device: tiny))
    monkeypatch.setattr(records, "read", lambda folder: tiny.record)
    return tmp_path


def killed_after(monkeypatch, count, out, folder, items, **options):
    """Score until so many answers are kept, and end there."""
    add = evaluation.Journal.add

    def until(journal, key, row):
        add(journal, key, row)
        if len(journal.rows) == count:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(evaluation.Journal, "add", until)
        with pytest.raises(KeyboardInterrupt):
            evaluate_into(out, folder, items, **options)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_for_each_item_and_the_same_figures(folder, read, suffix):
    out = folder / f"answers{suffix}"
    result = evaluate_into(out, folder, ITEMS)
    plain = evaluate(folder, ITEMS)
    assert result.to_json()["subsets"] == plain.to_json()["subsets"]
    table = pd.read_csv(out, dtype={"id": str}) if suffix == ".csv" else pd.read_parquet(out)
    assert tuple(table.columns) == answer_columns(result)
    assert sorted(table["id"]) == ["1", "2", "3", "4", "5"]
    rows = table.set_index("id")
    full = result.answers[0].probabilities["text+audio+visual"]
    assert rows.loc["1", "truth"] == "joy"
    assert rows.loc["1", "label"] == result.labels[int(full.argmax())]
    assert rows.loc["1", "p_joy"] == pytest.approx(full[result.labels.index("joy")], abs=1e-6)
    assert "none of the model's classes" in rows.loc["3", "reason"]
    assert pd.isna(rows.loc["2", "label"])
    assert [file.name for file in folder.iterdir()] == [out.name]


@pytest.mark.parametrize("count", [1, 3])
def test_a_second_start_reads_only_what_is_missing(folder, read, monkeypatch, count):
    out = folder / "answers.csv"
    killed_after(monkeypatch, count, out, folder, ITEMS)
    assert not out.exists()
    first = list(read)
    read.clear()
    counted = []
    result = evaluate_into(out, folder, ITEMS, progress=counted.append)
    assert not set(read) & set(first)
    assert counted == list(range(count + 1, len(ITEMS) + 1))
    again = evaluate(folder, ITEMS)
    assert json.dumps(result.to_json()["confusion"]) == json.dumps(again.to_json()["confusion"])
    assert [s.id for s in result.skipped] == [s.id for s in again.skipped]


@pytest.mark.parametrize("change", [{"label": "anger"}, {"text": "other words"}, {"id": "6"}])
def test_an_item_that_changed_is_read_again(folder, read, monkeypatch, change):
    out = folder / "answers.csv"
    killed_after(monkeypatch, 2, out, folder, ITEMS)
    read.clear()
    evaluate_into(out, folder, [replace(ITEMS[0], **change), *ITEMS[1:]])
    assert "a" in read
    assert "broken" not in read


def test_of_a_speaker_all_are_read_again_where_one_is_missing(folder, read, monkeypatch):
    spoken = [Item(str(i), "joy", name, speaker=name[0]) for i, name in enumerate(("a1", "b1", "a2", "b2"))]
    scaling = InputScaling(np.full(DIM, 0.1, np.float32), np.full(DIM, 0.5, np.float32), 2.0)
    tiny = make_model("early", input_scaling={Modality.AUDIO: scaling})
    monkeypatch.setattr(scoring.EmotionModel, "load", classmethod(lambda cls, folder, device: tiny))
    out = folder / "answers.csv"
    killed_after(monkeypatch, 3, out, folder, spoken, baseline="own")
    read.clear()
    result = evaluate_into(out, folder, spoken, baseline="own")
    assert sorted(read) == ["b1", "b2"]
    assert [a.id for a in result.answers] == ["0", "1", "2", "3"]


def test_a_table_that_is_there_is_kept(folder, read):
    out = folder / "answers.csv"
    out.write_text("mine")
    with pytest.raises(ValueError, match="is there already"):
        evaluate_into(out, folder, ITEMS)
    assert out.read_text() == "mine"
    evaluate_into(out, folder, ITEMS, overwrite=True)
    assert out.read_text() != "mine"


def test_another_format_is_refused(folder):
    with pytest.raises(ValueError, match=r"neither CSV nor Parquet: end its name in \.csv or \.parquet"):
        evaluate_into(folder / "answers.txt", folder, ITEMS)
