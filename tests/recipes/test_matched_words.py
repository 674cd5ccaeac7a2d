"""Words matched to clips by label: each used once, and none like another."""

from __future__ import annotations

import json

import numpy as np
import pytest
from run_folders import write_run

from mmer_core.corpora import read
from mmer_core.runs.run import CVRun
from recipes.studies.matched_words import NOTE, comments_of, ship, with_words

CLASSES = ("anger", "joy")


@pytest.fixture
def clips(tmp_path):
    rows = ["id,path,text,label,speaker,visual_features"]
    for i in range(6):
        np.save(tmp_path / f"{i}.npy", np.ones((1, 2)))
        rows.append(f"c{i},,old words,{CLASSES[i % 2]},s{i // 2},{i}.npy")
    (tmp_path / "m.csv").write_text("\n".join(rows))
    return read(tmp_path / "m.csv")


def test_comments_have_one_label_and_each_wording_stands_once(tmp_path):
    file = tmp_path / "train.tsv"
    file.write_text('So  glad\t1\ta\nso glad\t1\tb\n"Grr\t0\tc\nboth\t0,1\td\n', encoding="utf-8")
    assert comments_of(file, CLASSES) == {"joy": ["So  glad"], "anger": ['"Grr']}


def test_every_clip_has_words_of_its_label_that_no_other_has(clips):
    comments = {label: [f"{label} number {word}" for word in "abcdefg"] for label in CLASSES}
    comments = {k: [f"{c} {'xyzuvwt'[i] * 9}" for i, c in enumerate(v)] for k, v in comments.items()}
    table = with_words(clips, comments)
    assert table["text"].is_unique
    assert all(t.startswith(label) for t, label in zip(table["text"], table["label"], strict=True))
    assert table["speaker"].tolist() == ["s0", "s0", "s1", "s1", "s2", "s2"]
    assert (table["text"] == with_words(clips, comments)["text"]).all()


def test_words_that_hardly_differ_are_not_both_used(clips):
    twins = ["what is that name of yours my friend", "What is that name of yours, my friend!"]
    comments = {"joy": ["hooray for us all", "best of days", "I laughed out loud"]}
    comments["anger"] = [*twins, "get out of here", "leave me be", "how dare they do this"]
    drawn = set(with_words(clips, comments)["text"])
    assert len(drawn & set(twins)) < 2


def test_too_few_comments(clips):
    with pytest.raises(ValueError, match="3 clips show anger, and there are only 1 comments of it"):
        with_words(clips, {"anger": ["x"], "joy": ["a", "b", "c"]})


def test_a_run_is_shipped_without_weights_and_says_how_its_words_came(tmp_path):
    request = {"corpus": "m.csv", "fusion": ["early", "late_mean"], "name": "r", "out": str(tmp_path)}
    request["encoders"] = {"text": "minilm", "audio": "lld", "visual": "given"}
    run = write_run(tmp_path / "r", request=request, notes=["x"])
    (run.path / "model").mkdir()
    (run.path / "model" / "w.safetensors").write_bytes(b"w")
    ship(run)
    shipped = CVRun.open(run.path, verify=True)
    assert not (run.path / "model").exists()
    assert shipped.record["notes"] == [NOTE, "x"]
    assert str(tmp_path) not in json.dumps(shipped.record["request"])
    assert shipped.record["request"]["fusion"] == ["early"]
    assert set(shipped.record["request"]["encoders"]) == {"audio", "visual"}
    assert "--fusion early --encoders audio=lld,visual=given" in shipped.record["command"]
