"""RAVDESS, CREMA-D and EMO-DB: everything is in a clip's name."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmer_core import corpora
from mmer_core.clip import Absent
from mmer_core.corpora import CorpusError, FeatureFiles
from mmer_core.labels import EMOTIONS, Modality


@pytest.fixture
def ravdess(tmp_path: Path, sound) -> Path:
    """Two actors, all emotions once, in the official tree; actor 01 also as video with and without sound; one
    song.
    """
    for actor in ("01", "02"):
        for emotion in range(1, 9):
            sound(
                tmp_path
                / "Audio_Speech_Actors_01-24"
                / f"Actor_{actor}"
                / f"03-01-{emotion:02d}-01-02-01-{actor}.wav"
            )
    for kind in ("01", "02"):
        sound(tmp_path / "Video_Speech_Actor_01" / "Actor_01" / f"{kind}-01-05-01-02-01-01.mp4")
    sound(tmp_path / "Audio_Song_Actors_01-24" / "Actor_01" / "03-02-03-01-01-01-01.wav")
    return tmp_path


def counts(manifest: corpora.Manifest) -> dict[str, int]:
    return manifest.table["label"].value_counts().to_dict()


def test_ravdess_names_give_label_speaker_and_words(ravdess):
    manifest = corpora.read(f"ravdess:{ravdess}")
    assert manifest.labels == (*EMOTIONS, "calm")
    assert counts(manifest) == dict.fromkeys(manifest.labels, 2)
    row = manifest.table.set_index("id").loc["01-06-01-02-01-02"]
    assert row[["label", "group", "text", "intensity"]].tolist() == [
        "fear",
        "02",
        "Dogs are sitting by the door.",
        "normal",
    ]
    assert row["path"] == "Audio_Speech_Actors_01-24/Actor_02/03-01-06-01-02-01-02.wav"


def test_ravdess_with_seven_or_four_classes_counts_calm_as_neutral(ravdess):
    seven = corpora.read(f"ravdess:{ravdess}", classes=7)
    assert seven.labels == EMOTIONS
    assert counts(seven)["neutral"] == 4
    four = corpora.read(f"ravdess:{ravdess}", classes=4)
    assert counts(four) == {"neutral": 4, "anger": 2, "joy": 2, "sadness": 2}
    with pytest.raises(CorpusError, match="8, 7 or 4 classes, not 5"):
        corpora.read(f"ravdess:{ravdess}", classes=5)


def test_ravdess_takes_one_file_per_utterance_video_with_sound_first(ravdess):
    def file_of(**options: str) -> str:
        table = corpora.read(f"ravdess:{ravdess}", **options).table.set_index("id")
        return str(table.loc["01-05-01-02-01-01", "path"]).rsplit("/", 1)[-1]

    assert file_of() == file_of(media="video") == "01-01-05-01-02-01-01.mp4"
    assert file_of(media="audio") == "03-01-05-01-02-01-01.wav"
    assert len(corpora.read(f"ravdess:{ravdess}", media="video")) == 1


def test_ravdess_song_must_be_asked_for(ravdess):
    assert len(corpora.read(f"ravdess:{ravdess}", channel="both")) == 17
    assert corpora.read(f"ravdess:{ravdess}", channel="song").table["label"].tolist() == ["joy"]


def test_ravdess_action_units_are_joined_by_name_as_visual_features(ravdess):
    lines = [
        "AU01_r;AU02_c;speech;name;path;index",
        "0.5;1;0;01-01-05-01-02-01-01;x;0",
        "0.25;;0;01-01-06-01-02-01-01;x;1",
        "1;1;0;01-01-03-01-01-02-09;x;2",
    ]
    (ravdess / "face_action_units.csv").write_text("\n".join(lines))
    manifest = corpora.read(f"ravdess:{ravdess}")
    rows = {u.id: u for u in manifest.utterances()}
    with FeatureFiles(manifest.root) as files:
        np.testing.assert_array_equal(
            files.read(rows["01-05-01-02-01-01"].features[Modality.VISUAL]), [[0.5, 1.0]]
        )
        with pytest.raises(Absent, match="not finite"):
            files.read(rows["01-06-01-02-01-01"].features[Modality.VISUAL])
    assert rows["01-01-01-02-01-01"].features == {}
    assert rows["01-03-01-01-02-09"].path is None
    assert ("01-03-01-01-02-09", "it has action units but no clip") in manifest.problems


def test_ravdess_strange_and_empty_files_are_listed_and_survived(ravdess, sound):
    sound(ravdess / "03-01-09-01-01-01-01.wav")
    sound(ravdess / "Actor_01" / "._03-01-05-01-02-01-01.wav")
    (ravdess / "Actor_03").mkdir()
    (ravdess / "Actor_03" / "03-01-05-01-02-01-03.wav").touch()
    manifest = corpora.read(f"ravdess:{ravdess}")
    assert len(manifest) == 16
    assert dict(manifest.problems) == {
        "03-01-09-01-01-01-01.wav": "its name is not a RAVDESS name such as 03-01-05-02-01-01-12",
        "01-05-01-02-01-03": "03-01-05-01-02-01-03.wav is empty",
    }


def test_ravdess_published_folds_are_lists_of_actors(ravdess):
    manifest = corpora.read(f"ravdess:{ravdess}")
    (ravdess / "folds.json").write_text(json.dumps({"folds": [[2, 5], [1, 4]]}))
    folds = corpora.read_folds(ravdess / "folds.json", manifest)
    assert folds.index.tolist() == manifest.ids
    assert dict(zip(manifest.table["group"], folds, strict=True)) == {"01": "1", "02": "0"}


@pytest.fixture
def crema_d(tmp_path: Path, sound) -> Path:
    for name in ("1001_DFA_ANG_XX", "1001_IEO_HAP_HI", "1002_TSI_NEU_XX", "1076_MTI_SAD_XX"):
        sound(tmp_path / "AudioWAV" / f"{name}.wav")
    sound(tmp_path / "VideoFlash" / "1001_DFA_ANG_XX.flv")
    sound(tmp_path / "AudioWAV" / "1040_ITH_SAD_X.wav")
    sound(tmp_path / "AudioWAV" / "notes.wav")
    return tmp_path


def test_crema_d_names_give_label_speaker_words_and_intensity(crema_d):
    manifest = corpora.read(f"crema-d:{crema_d}")
    table = manifest.table.set_index("id")
    assert manifest.labels == ("neutral", "anger", "joy", "sadness")
    assert table.loc["1001_IEO_HAP_HI", ["label", "group", "text", "intensity"]].tolist() == [
        "joy",
        "1001",
        "It's eleven o'clock.",
        "high",
    ]
    assert table.loc["1001_DFA_ANG_XX", "path"] == "VideoFlash/1001_DFA_ANG_XX.flv"
    assert corpora.read(f"crema_d:{crema_d}", media="audio").table["path"].str.endswith(".wav").all()
    assert table.loc["1040_ITH_SAD_XX", "path"] == "AudioWAV/1040_ITH_SAD_X.wav"


def test_crema_d_keeps_the_sound_beside_the_video(crema_d):
    manifest = corpora.read(f"crema_d:{crema_d}")
    rows = {u.id: u for u in manifest.utterances()}
    both, alone = rows["1001_DFA_ANG_XX"], rows["1001_IEO_HAP_HI"]
    assert both.recording(Modality.VISUAL) == crema_d / "VideoFlash" / "1001_DFA_ANG_XX.flv"
    assert both.recording(Modality.AUDIO) == crema_d / "AudioWAV" / "1001_DFA_ANG_XX.wav"
    assert alone.recording(Modality.AUDIO) == alone.recording(Modality.VISUAL) == alone.path
    manifest.save(crema_d / "m.csv")
    again = {u.id: u for u in corpora.read(crema_d / "m.csv").utterances()}
    assert again["1001_DFA_ANG_XX"].sound == both.sound


def test_crema_d_takes_the_sound_where_the_video_is_empty(crema_d):
    (crema_d / "VideoFlash" / "1001_DFA_ANG_XX.flv").write_bytes(b"")
    manifest = corpora.read(f"crema_d:{crema_d}")
    assert manifest.table.set_index("id").loc["1001_DFA_ANG_XX", "path"] == "AudioWAV/1001_DFA_ANG_XX.wav"
    assert ("1001_DFA_ANG_XX", "1001_DFA_ANG_XX.flv is empty") in manifest.problems


def test_crema_d_known_damage_and_strange_names_are_listed(crema_d):
    told = dict(corpora.read(f"crema_d:{crema_d}").problems)
    assert "known to be damaged" in told["1076_MTI_SAD_XX"]
    assert "not a CREMA-D name" in told["AudioWAV/notes.wav"]


def test_emodb_names_give_label_speaker_and_words(tmp_path, sound):
    for name in ("03a01Fa", "03a01Nc", "08b02La", "16b10Wd"):
        sound(tmp_path / "wav" / f"{name}.wav")
    sound(tmp_path / "wav" / "03a01Xa.wav")
    manifest = corpora.read(f"emodb:{tmp_path}")
    assert manifest.labels == ("neutral", "anger", "joy", "boredom")
    assert manifest.table["group"].tolist() == ["03", "03", "08", "16"]
    assert manifest.table["text"].iloc[0] == "Der Lappen liegt auf dem Eisschrank."
    assert [p.id for p in manifest.problems] == ["wav/03a01Xa.wav"]
    without = corpora.read(f"emodb:{tmp_path}", boredom="drop")
    assert without.labels == ("neutral", "anger", "joy")
    assert without.notes == ("1 clips of boredom were left out",)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("OAF_angry/OAF_back_angry.wav", ("OAF", "back", "anger")),
        ("YAF_pleasant_surprised/YAF_mob_ps.wav", ("YAF", "mob", "surprise")),
        ("OAF_Pleasant_surprise/OAF_dip_ps.flac", ("OAF", "dip", "surprise")),
        ("OAF_back_pleasant_surprise.wav", ("OAF", "back", "surprise")),
        ("deep/OAF_Fear/OAF_base_fear.wav", ("OAF", "base", "fear")),
        ("OAF_neutral/OA_bite_neutral.wav", ("OAF", "bite", "neutral")),
        ("YAF_happy/room.wav", ("YAF", "room", "joy")),
    ],
)
def test_tess_names_give_speaker_word_and_label(tmp_path, sound, name, facts):
    sound(tmp_path / name)
    manifest = corpora.read(f"tess:{tmp_path}")
    row = manifest.table.iloc[0]
    speaker, word, label = facts
    assert row[["group", "text", "label", "path"]].tolist() == [speaker, f"Say the word {word}.", label, name]
    assert manifest.problems == ()


def test_tess_is_read_once_where_a_copy_has_it_twice(tmp_path, sound):
    for folder in ("OAF_sad", "again/OAF_sad"):
        sound(tmp_path / folder / "OAF_back_sad.wav")
    sound(tmp_path / "other.wav")
    manifest = corpora.read(f"tess:{tmp_path}")
    assert len(manifest) == 1
    assert manifest.notes == ("1 further files of recordings that are there already were left out",)
    assert dict(manifest.problems) == {"other.wav": "its name is not a TESS name such as OAF_back_angry"}
