"""Given folds: a CSV of id and fold, or JSON lists of speakers."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from mmer_core import corpora
from mmer_core.corpora import CorpusError
from mmer_core.corpora.folds import fold_order


@pytest.fixture
def manifest(own_manifest):
    return corpora.read(own_manifest)


def test_a_csv_gives_each_id_its_fold_in_the_manifests_order(tmp_path, manifest, table):
    rows = [
        {"id": i, "fold": f, "note": ""} for i, f in (("4", 1), ("3", 0), ("2", 0), ("1", 1), ("unused", 7))
    ]
    folds = corpora.read_folds(table(tmp_path / "f.csv", rows), manifest)
    assert folds.to_dict() == {"1": "1", "2": "0", "3": "0", "4": "1"}
    assert folds.index.tolist() == manifest.ids


@pytest.mark.parametrize(
    "lines",
    [
        ["ID;Fold", "1;0.0", "2;0", "3;1.0", "4;1"],
        ["id\tfold", "1.0\t0", "2.0\t0", "3.0\t1", "4.0\t1"],
        ["clip_id,fold", "1,0", "2,0", "3,1", "4,1", "5,1,too,many"],
    ],
)
def test_a_table_of_folds_may_be_any_that_people_save(tmp_path, manifest, lines):
    file = tmp_path / "f.csv"
    file.write_text("\n".join(lines))
    assert corpora.read_folds(file, manifest).to_dict() == {"1": "0", "2": "0", "3": "1", "4": "1"}


def test_a_row_of_folds_that_does_not_fit_is_named_where_it_is_missed(tmp_path, manifest):
    file = tmp_path / "f.csv"
    file.write_text("id,fold\n1,0\n2,1\n3,0\n4,1,what\n")
    with pytest.raises(CorpusError, match=r"first: 4.*line 5 of it was left out because it has 3 cells"):
        corpora.read_folds(file, manifest)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["id,fold", "1,0", "2,1"], r"no fold for 2 of 4 utterances \(first: 3\)"),
        (["id,fold", "1,0", "2,1", "3,0", "4,"], r"no fold for 1 of 4"),
        (["id,fold", "1,0", "1,1", "2,1", "3,0", "4,0"], "gives '1' two different folds"),
        (["id,fold", "1,0", "2,0", "3,0", "4,0"], "everything into one fold"),
        (["name,fold", "1,0"], "no column 'id'"),
        (["id,part", "1,0"], "no column 'fold'"),
    ],
)
def test_a_csv_that_is_no_split_is_one_sentence(tmp_path, manifest, lines, said):
    file = tmp_path / "f.csv"
    file.write_text("\n".join(lines))
    with pytest.raises(CorpusError, match=said) as caught:
        corpora.read_folds(file, manifest)
    assert "f.csv" in str(caught.value)


def test_json_lists_the_speakers_of_each_fold(tmp_path, manifest):
    file = tmp_path / "folds.json"
    file.write_text(json.dumps({"folds": [["ann"], ["ben", "somebody else"]]}))
    assert corpora.read_folds(file, manifest).tolist() == ["0", "1", "0", "1"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"folds": [["ann"]]}', "no fold for 2 of 4"),
        ('{"folds": [["ann"], ["ann", "ben"]]}', "the speaker ann into the folds 0 and 1"),
        ('{"parts": []}', "is not a list of folds"),
        ("[1, 2]", "is not a list of folds"),
        ("{", "is not a list of folds"),
    ],
)
def test_json_that_is_no_split_is_one_sentence(tmp_path, manifest, content, said):
    file = tmp_path / "folds.json"
    file.write_text(content)
    with pytest.raises(CorpusError, match=said):
        corpora.read_folds(file, manifest)


def test_folds_are_ordered_by_number():
    assert fold_order(pd.Series(["10", "2", "fold 3", "fold 20", "2"])) == ["2", "10", "fold 3", "fold 20"]
