"""What a person may name: files, folders, patterns and tables; each clip once, in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmer_core.batch.inputs import Input, inputs_of, names_several
from mmer_core.corpora.manifest import CorpusError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.wav", "a.mp4", "deep/c.png", "notes.txt"):
        (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "clips" / name).write_bytes(b"x")
    return tmp_path / "clips"


def names(found: list[Input]) -> list[str]:
    return [Path(given.path).name for given in found]


def test_a_folder_is_its_clips_and_the_rest_is_told(folder):
    told: list[str] = []
    assert sorted(names(inputs_of([folder], told.append))) == ["a.mp4", "b.wav", "c.png"]
    assert told == [f"left out of {folder}: 1 × .txt"]


def test_each_clip_counts_once_and_in_the_order_named(folder):
    assert names(inputs_of([folder / "b.wav", folder, folder / "b.wav"]))[0] == "b.wav"
    assert len(inputs_of([folder / "b.wav", folder])) == 3


def test_a_pattern_is_what_fits_it(folder):
    assert names(inputs_of([folder / "*.wav"])) == ["b.wav"]
    assert sorted(names(inputs_of([folder / "**" / "*.png"]))) == ["c.png"]
    with pytest.raises(ValueError, match=r"no file fits .*mkv: check the pattern"):
        inputs_of([folder / "*.mkv"])


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder):
    (folder / "take[1].wav").write_bytes(b"x")
    assert names(inputs_of([folder / "take[1].wav"])) == ["take[1].wav"]


def test_a_table_names_clips_beside_it_and_their_words(folder):
    (folder / "list.csv").write_text("File;text\nb.wav;hello\ndeep/c.png;\n", encoding="utf-8")
    assert inputs_of([folder / "list.csv"]) == [
        Input(str(folder / "b.wav"), "hello"),
        Input(str(folder / "deep/c.png")),
    ]


def test_a_table_without_paths_is_one_sentence(folder):
    (folder / "list.csv").write_text("name\nb\n", encoding="utf-8")
    with pytest.raises(CorpusError, match="has no column 'path'"):
        inputs_of([folder / "list.csv"])


def test_a_folder_with_nothing_usable_is_one_sentence(tmp_path):
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    with pytest.raises(ValueError, match="holds no video, sound or picture"):
        inputs_of([tmp_path])


@pytest.mark.parametrize(
    ("path", "several"), [("clips", True), ("clips/*.wav", True), ("l.csv", True), ("clips/b.wav", False)]
)
def test_what_is_more_than_one_clip(folder, path, several):
    assert names_several(folder.parent / path) is several
