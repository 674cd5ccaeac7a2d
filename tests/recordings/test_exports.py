"""What is written is read back by the libraries of those who use each format."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pandas as pd
import pytest
from praatio import textgrid
from pympi import Elan

from mmer_core.recordings import Recording, Utterance
from mmer_core.recordings.exports import SUFFIXES, check_target, table, write
from mmer_core.recordings.exports.document import text_of
from mmer_core.recordings.people import Person, Sight

webvtt = pytest.importorskip("webvtt")
WORDS = 'Well, "that" <b> & more --> über us.'


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables(tmp_path, suffix, recording):
    out = tmp_path / f"t{suffix}"
    write(recording, out)
    rows = pd.read_csv(out) if suffix == ".csv" else pd.read_parquet(out)
    assert list(rows.columns) == table.columns_of(recording)
    assert list(rows["start"]) == [0.5, 2.25, 10.0, 3700.0]
    assert rows["speaker"].fillna(0).tolist() == [1, 2, 0, 1]
    assert list(rows["overlapped"]) == [False, True, False, False]
    assert rows["label"].fillna("").tolist() == ["joy", "anger", "sadness", ""]
    assert rows["words"][0] == recording.utterances[0].words
    assert rows["reason"][3] == "words: none, voice: none"
    assert rows["audio_label"][1] == "anger"


def test_json(tmp_path, recording):
    write(recording, tmp_path / "t.json")
    found = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert [Utterance.from_json(u).to_json() for u in found["utterances"]] == found["utterances"]
    assert found["summary"]["sentences"]
    assert found["notes"] == list(recording.notes)


def test_subtitles(tmp_path, recording):
    for suffix, read in ((".srt", webvtt.from_srt), (".vtt", webvtt.read)):
        write(recording, tmp_path / f"t{suffix}")
        cues = list(read(str(tmp_path / f"t{suffix}")))
        assert [cue.start for cue in cues] == ["00:00:00.500", "00:00:02.250", "00:00:10.000", "01:01:40.000"]
        assert cues[0].end == "00:00:02.250"
        assert cues[2].text == "[sadness 70%]"
    assert cues[0].voice == "Speaker 1"
    raw = (tmp_path / "t.vtt").read_text("utf-8")
    assert "&lt;b&gt; &amp; more → über us. [joy 70%]</v>" in raw
    assert raw.count("-->") == len(recording.utterances)
    first = (tmp_path / "t.srt").read_text("utf-8").split("\n\n")[0].split("\n")
    assert first[:2] == ["1", "00:00:00,500 --> 00:00:02,250"]
    assert first[2].startswith('Speaker 1: Well, "that" <b>')


def test_elan(tmp_path, recording):
    write(recording, tmp_path / "t.eaf")
    found = Elan.Eaf(str(tmp_path / "t.eaf"))
    rows = {
        tier: [row[:3] for row in found.get_annotation_data_for_tier(tier)] for tier in found.get_tier_names()
    }
    assert rows["Speaker 1"] == [(500, 2250, WORDS), (3700000, 3701000, "The end.")]
    assert rows["Speaker 2 emotion"] == [(2250, 4000, "anger")]
    assert rows["Face emotion"] == [(10000, 19500, "sadness")]
    assert "Speaker 2" not in rows


def test_praat(tmp_path, recording):
    write(recording, tmp_path / "t.TextGrid")
    found = textgrid.openTextgrid(str(tmp_path / "t.TextGrid"), includeEmptyIntervals=False)
    assert found.maxTimestamp == recording.end
    assert tuple(found.getTier("Speaker 1").entries[0]) == (0.5, 2.25, WORDS)
    assert [tuple(row) for row in found.getTier("Face emotion").entries] == [(10.0, 19.5, "sadness")]


NAMED = {0: "Ann --> <b>\n& Co", 1: "  "}  # a person may write anything; blank is no name


def test_speakers_have_their_names_in_every_format(tmp_path, recording):
    for suffix in SUFFIXES:
        write(recording, tmp_path / f"t{suffix}", names=NAMED)
    for rows in (pd.read_csv(tmp_path / "t.csv"), pd.read_parquet(tmp_path / "t.parquet")):
        said = rows["speaker_name"].fillna("").tolist()
        assert said == ["Ann --> <b> & Co", "Speaker 2", "", "Ann --> <b> & Co"]
        assert rows["speaker"].fillna(0).tolist() == [1, 2, 0, 1], "the numbers stay"
    document = json.loads((tmp_path / "t.json").read_text("utf-8"))
    assert document["names"]["0"] == NAMED[0]
    assert "3\n00:00:10,000" in (tmp_path / "t.srt").read_text("utf-8")
    assert "\nAnn → <b> & Co: Well," in (tmp_path / "t.srt").read_text("utf-8")
    assert "<v Ann → &lt;b&gt; &amp; Co>" in (tmp_path / "t.vtt").read_text("utf-8")
    assert [cue.voice for cue in webvtt.read(str(tmp_path / "t.vtt"))][1] == "Speaker 2"
    tiers = Elan.Eaf(str(tmp_path / "t.eaf")).get_tier_names()
    assert {"Ann --> <b> & Co", "Speaker 2 emotion", "Face emotion"} <= set(tiers)
    grid = textgrid.openTextgrid(str(tmp_path / "t.textgrid"), includeEmptyIntervals=False)
    assert "Ann --> <b> & Co emotion" in grid.tierNames


def test_two_speakers_with_one_name_share_a_tier_in_which_nothing_overlaps(tmp_path, recording):
    over = replace(recording.utterances[1], start=2.0)
    together = replace(recording, utterances=(recording.utterances[0], over))
    write(together, tmp_path / "t.eaf", names={0: "Ann", 1: "Ann"})
    rows = Elan.Eaf(str(tmp_path / "t.eaf")).get_annotation_data_for_tier("Ann emotion")
    assert [row[:2] for row in rows] == [(500, 2250), (2250, 4000)]


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_a_recording_without_utterances(tmp_path, suffix, recording):
    write(Recording("a.wav", 0.0, 5.0, (), labels=recording.labels), tmp_path / f"t{suffix}")
    assert (tmp_path / f"t{suffix}").exists()


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path, recording):
    out = tmp_path / "t.srt"
    out.write_text("mine")
    with pytest.raises(ValueError, match="add --overwrite"):
        write(recording, out)
    assert out.read_text() == "mine"
    write(recording, out, overwrite=True)
    assert out.read_text() != "mine"


def test_what_cannot_be_written(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="no ending that can be written"):
        check_target(tmp_path / "t.doc")
    with pytest.raises(OSError, match="does not exist: create it first"):
        check_target(tmp_path / "none" / "t.csv")
    monkeypatch.setitem(sys.modules, "pympi", None)
    monkeypatch.setitem(sys.modules, "praatio", None)
    with pytest.raises(ValueError, match="pip install pympi-ling"):
        check_target(tmp_path / "t.eaf")
    with pytest.raises(ValueError, match="pip install praatio"):
        check_target(tmp_path / "t.TextGrid")


def test_a_full_disk_leaves_nothing_half_written(tmp_path, monkeypatch, recording):
    def full(recording, out, names):
        out.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(table, "write", full)
    with pytest.raises(OSError, match="what was read is kept"):
        write(recording, tmp_path / "t.csv")
    assert list(tmp_path.iterdir()) == []


def test_faces_are_in_the_table_and_people_in_the_document(recording, tmp_path):
    first = replace(recording.utterances[0], face=1, face_probability=0.93)
    person = Person(1, (Sight((0.5, 2.0), ((0.1, 0.1, 0.2, 0.3),) * 2),), (), 0, 0.8)
    seen = replace(recording, utterances=(first, *recording.utterances[1:]), people=(person,))
    write(seen, tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert (table["face"][0], table["face_probability"][0]) == (2, 0.93)
    assert table["face"][1:].isna().all()
    write(seen, tmp_path / "t.json")
    text = (tmp_path / "t.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert Person.from_json(content["people"][0]) == person
    assert content["utterances"][0]["face"] == 1
    assert sum('"sights"' in line for line in text.splitlines()) == 1  # a person on one line
    assert json.loads(text_of(recording))["people"] == []
