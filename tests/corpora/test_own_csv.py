"""Our own manifest, a CSV with id, path, text, label, speaker: what is read, what is refused, what is
survived.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmer_core import corpora
from mmer_core.corpora import CorpusError

HEADER = "id,path,text,label,speaker"


def write(folder: Path, *lines: str, header: str = HEADER) -> Path:
    file = folder / "m.csv"
    file.write_text("\n".join([header, *lines]), encoding="utf-8")
    return file


def reasons(manifest: corpora.Manifest) -> dict[str, str]:
    return dict(manifest.problems)


def test_labels_are_ours_in_our_order_and_class_indices_follow(own_manifest):
    manifest = corpora.read(own_manifest)
    assert manifest.labels == ("neutral", "anger", "joy")
    assert manifest.table["label"].tolist() == ["joy", "anger", "neutral", "anger"]
    np.testing.assert_array_equal(manifest.y, [2, 1, 0, 1])
    assert manifest.groups("speaker").tolist() == ["ann", "ben", "ann", "ben"]


def test_path_or_text_may_be_empty_and_words_are_kept_as_they_stand(own_manifest):
    rows = list(corpora.read(own_manifest).utterances())
    assert rows[1].text is None
    assert rows[2].path is None
    assert rows[2].text == "None"
    assert rows[0].path == own_manifest.parent / "clips" / "a.wav"
    assert rows[3].path is not None
    assert rows[3].path.is_file()


@pytest.mark.parametrize("column", HEADER.split(","))
def test_a_missing_column_is_one_sentence_with_file_and_column(own_manifest, column):
    lines = own_manifest.read_text().replace(column, "other", 1)
    own_manifest.write_text(lines)
    with pytest.raises(CorpusError, match=rf"clips\.csv has no column '{column}'"):
        corpora.read(own_manifest)


def test_unknown_columns_are_kept_and_known_ones_typed(tmp_path):
    file = write(tmp_path, "a,,hello,joy,s,7,3,1.5,weather", header=HEADER + ",mood,utterance,start,topic")
    row = corpora.read(file).table.iloc[0]
    assert (row["mood"], row["topic"]) == ("7", "weather")
    assert row["utterance"] == 3
    assert row["start"] == 1.5


def test_bad_rows_are_listed_with_the_reason_and_survived(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "pointer.wav").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    file = write(
        tmp_path,
        "good,,hello,joy,s",
        "label,,hello,melancholy,s",
        "unlabelled,,hello,,s",
        "nothing,,,joy,s",
        "missing,gone.wav,hello,joy,s",
        "empty,empty.wav,,joy,s",
        "pointer,pointer.wav,,joy,s",
        "good,,again,joy,s",
        ",,hello,joy,s",
    )
    manifest = corpora.read(file)
    assert manifest.ids == ["good"]
    told = reasons(manifest)
    assert "unknown label 'melancholy'" in told["label"]
    assert "label is empty" in told["unlabelled"]
    assert "neither a file nor words" in told["nothing"]
    assert "gone.wav is missing" in told["missing"]
    assert "is empty" in told["empty"]
    assert "Git LFS" in told["pointer"]
    assert "same id" in told["good (again)"]
    assert told["line 10"] == "the id is empty"
    assert len(manifest.skipped) == 8
    assert manifest.table["text"].tolist() == ["hello"]


def test_a_path_that_leaves_the_folder_is_refused(tmp_path, sound):
    outside = sound(tmp_path / "outside.wav")
    inside = tmp_path / "in"
    sound(inside / "fine.wav")
    (inside / "link.wav").symlink_to(outside)
    file = write(
        inside,
        "up,../outside.wav,,joy,s",
        f"absolute,{outside},,joy,s",
        "link,link.wav,,joy,s",
        f"own,{inside}/fine.wav,,joy,s",
        "nul,a\x00.wav,,joy,s",
    )
    manifest = corpora.read(file)
    assert manifest.ids == ["own"]
    told = reasons(manifest)
    assert "leaves the folder" in told["up"]
    assert "leaves the folder" in told["absolute"]
    assert "is a link that leaves" in told["link"]
    assert "nul" in told


def test_paths_may_be_relative_to_another_folder(tmp_path, sound):
    sound(tmp_path / "elsewhere" / "a.wav")
    (tmp_path / "tables").mkdir()
    file = write(tmp_path / "tables", "a,a.wav,,joy,s")
    assert corpora.read(file, root=str(tmp_path / "elsewhere")).ids == ["a"]


def test_given_classes_fix_the_order_and_leave_others_out(own_manifest):
    manifest = corpora.read(own_manifest, labels="joy, anger")
    assert manifest.labels == ("joy", "anger")
    assert manifest.ids == ["1", "2", "4"]
    assert "unknown label 'calm'" in reasons(manifest)["3"]


def test_tables_from_a_spreadsheet_are_read(tmp_path):
    file = tmp_path / "m.csv"
    file.write_bytes(f"\ufeff{HEADER}\r\n a ,,caf\u00e9, joy ,s\r\n".encode())
    assert corpora.read(file).table.iloc[0][["id", "text", "label"]].tolist() == ["a", "café", "joy"]
    file.write_bytes(f"{HEADER}\na,,it\u2019s,joy,s\n".encode("cp1252"))
    assert corpora.read(file).table.iloc[0]["text"] == "it’s"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not a table"),
        (HEADER + "\n", "no utterance that can be used"),
        (HEADER + '\na,"unclosed,x,joy,s\n', "not a table|no utterance"),
    ],
)
def test_a_table_without_a_usable_row_is_one_sentence(tmp_path, content, said):
    file = tmp_path / "m.csv"
    file.write_text(content)
    with pytest.raises(CorpusError, match=said) as caught:
        corpora.read(file)
    assert "m.csv" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_table_of_bad_rows_only_still_says_what_is_wrong_with_each(tmp_path):
    manifest = corpora.read(write(tmp_path, "a,gone.wav,,joy,s", "b,,hi,melancholy,s"))
    assert len(manifest) == 0
    assert [p.id for p in manifest.skipped] == ["a", "b"]
    assert manifest.y.shape == (0,)
    assert list(manifest.utterances()) == []


def test_a_number_column_with_words_is_a_problem_of_its_row(tmp_path):
    file = write(tmp_path, "a,,hi,joy,s,soon", "b,,hi,joy,s,2", header=HEADER + ",start")
    manifest = corpora.read(file)
    assert manifest.ids == ["b"]
    assert reasons(manifest)["a"] == "start is 'soon', not a number"
