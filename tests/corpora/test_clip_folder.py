"""A folder of clips, one subfolder per label."""

from __future__ import annotations

import pytest

from mmer_core import corpora
from mmer_core.corpora import CorpusError, EmptyCorpus


@pytest.fixture
def clips(tmp_path, sound):
    for name in (
        "angry/YAF_mob_angry.wav",
        "angry/OAF_mob_angry.wav",
        "Happy/deep/YAF_mob_happy.wav",
        "drowsy/YAF_mob.wav",
        "stray.wav",
    ):
        sound(tmp_path / name)
    (tmp_path / "angry" / "YAF_mob_angry.txt").write_text("Say the word mob.\n")
    return tmp_path


def test_folder_names_are_labels(clips):
    manifest = corpora.read(clips)
    assert dict(zip(manifest.ids, manifest.table["label"], strict=True)) == {
        "Happy/deep/YAF_mob_happy.wav": "joy",
        "angry/OAF_mob_angry.wav": "anger",
        "angry/YAF_mob_angry.wav": "anger",
    }
    assert manifest.table["text"].tolist() == ["", "", "Say the word mob."]
    told = dict(manifest.problems)
    assert "no known emotion" in told["drowsy/"]
    assert "no label folder" in told["stray.wav"]


def test_folder_names_may_be_taken_as_they_are(clips):
    assert corpora.read(clips, own_labels=True).labels == ("Happy", "angry", "drowsy")


@pytest.mark.parametrize("pattern", ["^[A-Z]+", "^(.AF)_", "(?P<speaker>[YO]AF)_(?:mob)"])
def test_speakers_come_from_a_pattern_in_the_name(clips, pattern):
    assert corpora.read(clips, speaker=pattern).table["group"].tolist() == ["YAF", "OAF", "YAF"]


def test_speakers_come_from_a_table_beside_the_clips(clips, table):
    table(clips / "speakers.csv", [{"path": "angry\\OAF_mob_angry.wav", "speaker": "older"}])
    assert corpora.read(clips).table["group"].tolist() == ["", "older", ""]
    table(clips / "speakers.csv", [{"File": "angry/OAF_mob_angry.wav", "Actor": "1.0"}])
    assert corpora.read(clips).table["group"].tolist() == ["", "1", ""]
    table(clips / "speakers.csv", [{"clip": "x", "speaker": "older"}])
    with pytest.raises(CorpusError, match=r"speakers\.csv has no column 'path'"):
        corpora.read(clips)


def test_a_pattern_that_is_none_is_one_sentence(clips):
    with pytest.raises(CorpusError, match="not a regular expression"):
        corpora.read(clips, speaker="(")


def test_every_kind_that_the_core_reads_is_read(tmp_path, sound):
    for name in ("angry/a.opus", "angry/b.WAV", "happy/c.aac", "happy/d.m4v", "happy/e.webp"):
        sound(tmp_path / name)
    assert len(corpora.read(tmp_path)) == 5


def test_what_is_left_out_is_counted_by_ending(clips, sound):
    for i in range(3):
        sound(clips / "angry" / f"{i}.xyz")
    sound(clips / "Happy" / "deep" / "noending")
    (clips / "angry" / "notes.txt").write_text("words of no clip")
    (clips / "speakers.csv").write_text("path,speaker\nangry/OAF_mob_angry.wav,older\none,two,three\n")
    (clips / ".hidden").write_text("x")
    told = dict(corpora.read(clips).problems)
    assert told["*.xyz"].startswith("3 files are left out (first: angry/0.xyz): .xyz, which is not read here")
    assert told["*.txt"].startswith("1 file is left out (first: angry/notes.txt)")
    assert told["*"].startswith("1 file is left out (first: Happy/deep/noending)")
    assert "it has 3 cells" in told["speakers.csv line 3"]
    assert "*.csv" not in told


def test_a_folder_of_other_files_alone_says_so(tmp_path, sound):
    sound(tmp_path / "angry" / "a.xyz")
    with pytest.raises(EmptyCorpus, match=r"\*\.xyz: 1 file is left out"):
        corpora.read(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_words_beside_a_clip_may_have_any_usual_encoding(clips, encoding):
    (clips / "angry" / "YAF_mob_angry.txt").write_bytes("Voilà".encode(encoding))
    assert corpora.read(clips).table["text"].tolist()[2] == "Voilà"


@pytest.mark.parametrize(
    "name", ["pleasant_surprised", "Pleasant surprise", "PLEASANT-SURPRISE", "ps", "pleasantly surprised"]
)
def test_labels_are_compared_without_case_blanks_and_hyphens(tmp_path, sound, name):
    sound(tmp_path / name / "a.wav")
    assert corpora.read(tmp_path).labels == ("surprise",)
