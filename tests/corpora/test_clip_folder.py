"""A folder of clips, one subfolder per label."""

from __future__ import annotations

import pytest

from mmer_core import corpora
from mmer_core.corpora import CorpusError


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
    table(clips / "speakers.csv", [{"file": "x", "speaker": "older"}])
    with pytest.raises(CorpusError, match=r"speakers\.csv has no column 'path'"):
        corpora.read(clips)


def test_a_pattern_that_is_none_is_one_sentence(clips):
    with pytest.raises(CorpusError, match="not a regular expression"):
        corpora.read(clips, speaker="(")
