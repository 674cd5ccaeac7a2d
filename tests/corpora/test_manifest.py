"""The table of a corpus: groups, dialogues, fingerprint, saving; and how a corpus is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmer_core import corpora
from mmer_core.corpora import CorpusError
from mmer_core.corpora.collector import Collector
from mmer_core.labels import Modality


def conversation(tmp_path: Path) -> corpora.Manifest:
    rows = Collector("test", tmp_path)
    rows.add("c", "joy", text="third", dialogue="d", utterance=3, turns=5, start=4.0, end=6.5, group="x")
    rows.add("a", "anger", text="first", dialogue="d", utterance=0, turns=5, start=1.0, end=2.0, group="y")
    rows.add("alone", "joy", text="no dialogue", group="x")
    return rows.manifest()


def test_dialogue_says_position_length_duration_and_earlier_turns(tmp_path):
    third, first, alone = conversation(tmp_path).utterances()
    assert third.dialogue is not None
    assert (
        third.dialogue.index,
        third.dialogue.length,
        third.dialogue.duration,
        third.dialogue.previous,
    ) == (3, 5, 2.5, ("first",))
    assert first.dialogue is not None
    assert first.dialogue.previous == ()
    assert alone.dialogue is None


def test_groups_that_are_unknown_are_an_error_not_a_group(tmp_path):
    manifest = conversation(tmp_path)
    assert manifest.groups("speaker").tolist() == ["x", "y", "x"]
    with pytest.raises(CorpusError, match=r"the dialogue is unknown for 1 of 3 utterances \(first: alone\)"):
        manifest.groups("dialogue")
    with pytest.raises(CorpusError, match="cannot group by 'nationality'"):
        manifest.groups("nationality")


def test_unknown_groups_are_groups_of_their_own_where_none_are_needed(tmp_path):
    rows = Collector("test", tmp_path)
    for id, speaker in {"a": "", "b": "x", "c": "", "d": "x"}.items():
        rows.add(id, "joy", text=id, group=speaker)
    first, known, other, again = rows.manifest().groups(required=False)
    assert known == again == "x"
    assert len({first, known, other}) == 3


def test_take_keeps_the_classes_and_the_given_order(tmp_path):
    manifest = conversation(tmp_path)
    assert manifest.take([2, 0]).ids == ["alone", "c"]
    some = manifest.take(np.array([False, True, False]))
    assert some.ids == ["a"]
    assert some.labels == manifest.labels == ("anger", "joy")
    np.testing.assert_array_equal(some.y, [0])


def test_fingerprint_follows_content_not_place(tmp_path, own_manifest):
    first = corpora.read(own_manifest)
    moved = tmp_path / "moved"
    moved.mkdir()
    (own_manifest.parent / "clips").rename(moved / "clips")
    second = corpora.read(own_manifest.rename(moved / "other.csv"))
    assert first.fingerprint == second.fingerprint
    assert len(first.fingerprint) == 64
    assert first.take([0, 1]).fingerprint != first.fingerprint
    relabelled = pd.DataFrame(first.table).assign(text="x")
    assert corpora.Manifest(relabelled, first.labels, first.root).fingerprint != first.fingerprint


def test_save_and_read_give_the_same_table(tmp_path, own_manifest):
    manifest = corpora.read(own_manifest)
    manifest.save(own_manifest.with_name("copy.csv"))
    again = corpora.read(own_manifest.with_name("copy.csv"))
    pd.testing.assert_frame_equal(again.table, manifest.table)
    assert again.fingerprint == manifest.fingerprint


def test_a_class_set_of_its_own_survives_saving(tmp_path):
    rows = Collector("test", tmp_path)
    for label in ("calm", "neutral", "excitement"):
        rows.add(label, label, text="x", group="s", audio_features="features.zip!/a.npy")
    manifest = rows.manifest(("excitement", "neutral", "calm", "joy"))
    manifest.save(tmp_path / "m.csv")
    again = corpora.read(tmp_path / "m.csv")
    assert again.labels == ("excitement", "neutral", "calm", "joy")
    assert again.fingerprint == manifest.fingerprint
    assert again.has_features(Modality.AUDIO)
    assert not again.has_features(Modality.VISUAL)


def test_saved_paths_are_relative_to_the_manifest_and_never_leave_its_folder(tmp_path, sound):
    sound(tmp_path / "corpus" / "joy" / "a.wav")
    manifest = corpora.read(tmp_path / "corpus")
    manifest.save(tmp_path / "above.csv")
    assert corpora.read(tmp_path / "above.csv").table["path"].tolist() == ["corpus/joy/a.wav"]
    (tmp_path / "beside").mkdir()
    with pytest.raises(CorpusError, match="put it in"):
        manifest.save(tmp_path / "beside" / "m.csv")
    assert not list((tmp_path / "beside").iterdir())


def test_a_table_that_contradicts_itself_is_refused(tmp_path):
    good = conversation(tmp_path)
    with pytest.raises(CorpusError, match="needs the column split"):
        corpora.Manifest(good.table.drop(columns="split"), good.labels, tmp_path)
    with pytest.raises(CorpusError, match="'joy' is not one of"):
        corpora.Manifest(good.table, ("anger",), tmp_path)
    with pytest.raises(CorpusError, match="on two rows"):
        corpora.Manifest(pd.concat([good.table, good.table]), good.labels, tmp_path)


def test_feature_locators_that_leave_their_place_are_refused(tmp_path):
    file = tmp_path / "m.csv"
    file.write_text(
        "id,path,text,label,speaker,audio_features\na,,x,joy,s,../up.npy\nb,,x,joy,s,f.zip!/../up.npy\nc,,x,joy,s,f.zip!/a.npy\n"
    )
    manifest = corpora.read(file)
    assert manifest.ids == ["c"]
    assert all("leaves the" in p.reason for p in manifest.problems)


def test_every_corpus_of_the_design_has_a_reader():
    assert set(corpora.names()) == {
        "crema_d",
        "csv",
        "emodb",
        "features",
        "folder",
        "iemocap",
        "meld",
        "ravdess",
        "tess",
    }


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("ravdes:{0}", "unknown corpus 'ravdes': choose one of csv, features"),
        ("{0}/gone", "does not exist: name a manifest"),
        ("{0}/notes.md", "neither a manifest"),
        ("ravdess:{0}/gone", "does not exist: name the folder"),
        ("ravdess:{0}", "has no utterance that can be used as ravdess"),
        ("{0}/gone.csv", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path, spec, said):
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(CorpusError, match=said) as caught:
        corpora.read(spec.format(tmp_path))
    assert "\n" not in str(caught.value)


def test_options_of_a_reader_come_from_text_with_its_types(tmp_path):
    options = corpora.parse_options("iemocap:anywhere", ["classes=6", "improvised-only", "merge_excited=no"])
    assert options == {"classes": 6, "improvised_only": True, "merge_excited": False}
    with pytest.raises(
        CorpusError, match="iemocap has no option 'class': known are classes, merge_excited, improvised_only"
    ):
        corpora.parse_options("iemocap:anywhere", ["class=6"])
    with pytest.raises(CorpusError, match="cannot be 'many': choose one of 4, 6"):
        corpora.parse_options("iemocap:x", ["classes=many"])
    with pytest.raises(CorpusError, match="yes or no"):
        corpora.parse_options("iemocap:x", ["improvised_only=perhaps"])
    with pytest.raises(CorpusError, match="has no option 'colour'"):
        corpora.read(f"crema-d:{tmp_path}", colour="red")
