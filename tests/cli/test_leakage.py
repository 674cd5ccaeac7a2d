"""`leakage` from the command line."""

import csv
import json

import pytest

from mmer_core.cli.main import main

LINES = [
    "we could go to the bank today",
    "nobody told me about the party",
    "please close the window behind you",
    "my train leaves at seven tonight",
]


@pytest.fixture
def manifest(tmp_path):
    """Four utterances of three speakers; ann speaks twice."""
    file = tmp_path / "clips.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "path", "text", "label", "speaker"])
        writer.writerows(
            [f"u{i}", "", text, "joy", speaker]
            for i, (text, speaker) in enumerate(zip(LINES, ["ann", "ben", "ann", "eve"], strict=True))
        )
    return file


def folds(file, assigned):
    path = file.with_name("folds.csv")
    path.write_text("id,fold\n" + "".join(f"u{i},{fold}\n" for i, fold in enumerate(assigned)))
    return str(path)


def test_a_split_that_leaks_is_told_with_its_table(manifest, capsys):
    assert main(["leakage", str(manifest), "--folds", folds(manifest, "0011")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("leaks: The test side meets what the model was trained on")
    assert "folds: 0 (2), 1 (2)" in out
    assert [line.split() for line in out.splitlines() if line.startswith("speaker")] == [
        ["speaker", "0", "1", "of", "2", "ann", "(1)"],
        ["speaker", "1", "1", "of", "2", "ann", "(1)"],
    ]


def test_a_clean_split_has_no_table(manifest, capsys):
    assert main(["leakage", str(manifest), "--folds", folds(manifest, "0101")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("clean: ")
    assert "on both sides  " not in out


def test_speakers_of_each_fold_may_be_given_as_json(manifest, capsys):
    path = manifest.with_suffix(".json")
    path.write_text(json.dumps({"folds": [["ann"], ["ben", "eve"]]}))
    assert main(["leakage", str(manifest), "--folds", str(path), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["verdict"] == "clean"
    assert data["folds"] == {"0": 2, "1": 2}


def test_folds_may_be_drawn_as_train_draws_them(manifest, capsys):
    assert main(["leakage", str(manifest), "--folds", "3"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("clean: ")
    assert "folds: 0 (" in out
    assert main(["leakage", str(manifest), "--folds", "2", "--folds-kind", "random", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["folds"] == {"0": 2, "1": 2}
    assert main(["leakage", str(manifest), "--folds", "4"]) == 1
    assert "4 folds need as many speakers and there are 3: use --folds 3" in capsys.readouterr().err


def test_rows_that_are_left_out_are_listed(manifest, capsys):
    manifest.write_text(manifest.read_text() + "u4,,one, two,joy,eve\n")
    assert main(["leakage", str(manifest), "--folds", folds(manifest, "0101")]) == 0
    assert "left out: line 6: it has 6 cells and the header has 5" in capsys.readouterr().err


def test_unknown_speakers_are_said(manifest, capsys):
    manifest.write_text(manifest.read_text().replace("eve", ""))
    assert main(["leakage", str(manifest), "--folds", folds(manifest, "0101")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("cannot tell: ")
    assert out.endswith("Note: the speaker of 1 of 4 utterances is unknown.\n")


@pytest.mark.parametrize("assigned", [None, "0000", "010"])
def test_a_split_that_is_none_is_one_sentence(manifest, capsys, assigned):
    more = [] if assigned is None else ["--folds", folds(manifest, assigned)]
    assert main(["leakage", str(manifest), *more]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""
