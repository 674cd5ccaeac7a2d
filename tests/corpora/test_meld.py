"""MELD: the official tables and clip folders, the known gaps, and tables like its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mmer_core import corpora
from mmer_core.corpora import CorpusError
from mmer_core.labels import EMOTIONS


def line(
    dialogue: int, utterance: int, text: str, *, speaker: str = "Ross", emotion: str = "neutral"
) -> dict[str, object]:
    """One row as in the official tables."""
    return {
        "Sr No.": 1,
        "Utterance": text,
        "Speaker": speaker,
        "Emotion": emotion,
        "Sentiment": "neutral",
        "Dialogue_ID": dialogue,
        "Utterance_ID": utterance,
        "Season": 1,
        "Episode": 2,
        "StartTime": "00:00:01,500",
        "EndTime": "0:00:03,000",
    }


@pytest.fixture
def meld(tmp_path: Path, table) -> Path:
    """Three tables; ids of dialogues start anew in each, and one dialogue has a gap."""
    train = [
        line(0, 0, "Hi!"),
        line(0, 3, "It\u0092s me.", speaker="Rachel", emotion="joy"),
        line(125, 3, "Go on."),
        line(1, 0, "Oops", emotion="boredom"),
    ]
    table(tmp_path / "train_sent_emo.csv", train)
    table(
        tmp_path / "dev_sent_emo.csv",
        [line(0, 0, "Hey!"), line(110, 7, "Did they tell you anything?", speaker="Phoebe")],
    )
    table(tmp_path / "test_sent_emo.csv", [line(0, 0, "Bye!", emotion="sadness")])
    table(tmp_path / "MELD_Dyadic" / "train_sent_emo_dya.csv", [line(9, 9, "not this one")])
    return tmp_path


def add_clips(root: Path, sound, *names: str) -> None:
    for name in names:
        sound(root / name)


def test_official_split_and_dialogues_come_from_the_tables(meld):
    manifest = corpora.read(f"meld:{meld}")
    assert manifest.labels == EMOTIONS
    assert manifest.table["split"].tolist() == ["train", "train", "train", "dev", "dev", "test"]
    assert manifest.ids[0] == "train_dia0_utt0"
    assert len(set(manifest.groups("dialogue"))) == 5
    second = list(manifest.utterances())[1]
    assert second.dialogue is not None
    assert (second.dialogue.index, second.dialogue.length, second.dialogue.duration) == (1, 2, 1.5)
    assert second.dialogue.previous == ("Hi!",)
    assert manifest.table["sentiment"].tolist()[0] == "neutral"
    assert any("MELD_Dyadic" in n or "dya" in n for n in manifest.notes)


def test_a_table_saved_by_a_spreadsheet_program_is_read(tmp_path, sound):
    header = "Sr No.;UTTERANCE;Speaker;Emotion;Sentiment;Dialogue_ID;Utterance_ID"
    lines = [
        "1;Hi!;Ross;joy;positive;0.0;0.0",
        "2;Oh; no;Ross;anger;negative;0.0;1.0",
        "3;Go;Amy;sadness;;0.0;2.0",
    ]
    file = tmp_path / "train_sent_emo.csv"
    file.write_bytes("\r\n".join([header, *lines]).encode("utf-16"))
    add_clips(tmp_path, sound, "train/dia0_utt0.wav", "train/dia0_utt2.wav")
    manifest = corpora.read(f"meld:{tmp_path}")
    assert manifest.ids == ["train_dia0_utt0", "train_dia0_utt2"]
    assert manifest.table["path"].tolist() == ["train/dia0_utt0.wav", "train/dia0_utt2.wav"]
    assert "it has 8 cells and the header has 7" in dict(manifest.problems)["train_sent_emo.csv line 3"]


def test_words_with_a_mangled_encoding_are_repaired(meld):
    assert corpora.read(f"meld:{meld}").table["text"].tolist()[1] == "It’s me."


def test_an_unknown_label_is_a_problem(meld):
    assert ("train_dia1_utt0", "unknown label 'boredom' in train_sent_emo.csv") in corpora.read(
        f"meld:{meld}"
    ).problems


def test_without_clips_it_is_a_corpus_of_words_and_nothing_is_missing(meld):
    manifest = corpora.read(f"meld:{meld}")
    assert (manifest.table["path"] == "").all()
    assert {p.id for p in manifest.problems} == {"train_dia1_utt0"}
    assert any("no clips" in note for note in manifest.notes)


def test_clips_are_found_in_the_official_folders_of_their_split(meld, sound):
    official = (
        "train/train_splits/dia0_utt0.mp4",
        "dev/dev_splits_complete/dia0_utt0.mp4",
        "test/output_repeated_splits_test/dia0_utt0.mp4",
    )
    add_clips(
        meld,
        sound,
        *official,
        "test/output_repeated_splits_test/final_videos_testdia0_utt0.mp4",
        "train/train_splits/._dia0_utt3.mp4",
    )
    paths = corpora.read(f"meld:{meld}").table.set_index("id")["path"]
    assert [paths[f"{split}_dia0_utt0"] for split in ("train", "dev", "test")] == list(official)


def test_video_is_taken_before_sound(meld, sound):
    add_clips(meld, sound, "train/wav/dia0_utt0.wav", "train/mp4/dia0_utt0.mp4")
    assert (
        corpora.read(f"meld:{meld}").table.set_index("id").loc["train_dia0_utt0", "path"]
        == "train/mp4/dia0_utt0.mp4"
    )


def test_known_gaps_keep_their_words(meld, sound):
    add_clips(
        meld,
        sound,
        "train_splits/dia0_utt0.mp4",
        "train_splits/dia125_utt3.mp4",
        "dev_splits_complete/dia0_utt0.mp4",
    )
    manifest = corpora.read(f"meld:{meld}", split="train,dev")
    told = dict(manifest.problems)
    assert "no clip of this utterance" in told["dev_dia110_utt7"]
    assert "cannot be played" in told["train_dia125_utt3"]
    assert "its clip is missing" in told["train_dia0_utt3"]
    rows = {u.id: u for u in manifest.utterances()}
    for gap in ("dev_dia110_utt7", "train_dia125_utt3", "train_dia0_utt3"):
        assert rows[gap].path is None
        assert rows[gap].text
    assert {p.id for p in manifest.skipped} == {"train_dia1_utt0"}


def test_a_repaired_clip_in_the_place_of_the_damaged_one_is_used(meld):
    clip = meld / "train_splits" / "dia125_utt3.mp4"
    clip.parent.mkdir()
    clip.write_bytes(
        b"\0\0\0\x0cftypisom" + b"\0\0\0\1mdat" + (20).to_bytes(8, "big") + b"data" + b"\0\0\0\x08moov"
    )
    assert (
        corpora.read(f"meld:{meld}").table.set_index("id").loc["train_dia125_utt3", "path"]
        == "train_splits/dia125_utt3.mp4"
    )


def test_one_split_or_one_table_can_be_read(meld):
    assert set(corpora.read(f"meld:{meld}", split="dev").table["split"]) == {"dev"}
    assert corpora.read(f"meld:{meld / 'test_sent_emo.csv'}").ids == ["test_dia0_utt0"]
    with pytest.raises(CorpusError, match="no split 'evaluation'"):
        corpora.read(f"meld:{meld}", split="evaluation")


def test_a_table_like_melds_with_other_headings_is_read(tmp_path, table, sound):
    rows = [
        {
            "text": "Hi",
            "speaker": "A",
            "emotion": "happy",
            "dialogue id": 4,
            "utterance id": i,
            "start": i,
            "end": i + 0.5,
        }
        for i in (1, 0)
    ]
    table(tmp_path / "series.csv", rows)
    sound(tmp_path / "clips" / "dia4_utt1.mp4")
    manifest = corpora.read(f"meld:{tmp_path / 'series.csv'}")
    assert manifest.ids == ["series_dia4_utt1", "series_dia4_utt0"]
    assert manifest.table["path"].tolist() == ["clips/dia4_utt1.mp4", ""]
    assert manifest.table["utterance"].tolist() == [1, 0]
    assert (manifest.table["split"] == "").all()


@pytest.mark.parametrize("column", ["Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID"])
def test_a_missing_column_is_one_sentence_with_file_and_column(meld, table, column):
    row = line(0, 0, "Hi")
    del row[column]
    table(meld / "train_sent_emo.csv", [row])
    with pytest.raises(CorpusError, match=r"train_sent_emo\.csv has no column for the"):
        corpora.read(f"meld:{meld}")


def test_a_folder_without_tables_is_one_sentence(tmp_path):
    with pytest.raises(CorpusError, match=r"no table such as train_sent_emo\.csv"):
        corpora.read(f"meld:{tmp_path}")
