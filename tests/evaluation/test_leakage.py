"""The leakage check: what is found on both sides of a split, and the verdict in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mmer_core.corpora import CorpusError, Manifest
from mmer_core.corpora.collector import Collector
from mmer_core.evaluation import leakage
from mmer_core.evaluation.leakage import Kind, LeakageReport, Verdict

LONG = [
    "we could go to the bank today",
    "nobody told me about the party",
    "please close the window behind you",
    "my train leaves at seven tonight",
]


def corpus(root: Path, **columns: list[str]) -> Manifest:
    """Four utterances with distinct words, speakers a to d, unless said otherwise."""
    rows = Collector("test", root)
    defaults = {"text": LONG, "group": ["a", "b", "c", "d"]} | columns
    for i in range(4):
        rows.add(f"u{i}", "joy", **{k: v[i] for k, v in defaults.items()})
    return rows.manifest()


def check(manifest: Manifest, folds: str = "0011") -> LeakageReport:
    return leakage.check(manifest, dict(zip(manifest.ids, folds, strict=True)))


def found(report: LeakageReport) -> dict[Kind, dict[str, int]]:
    table: dict[Kind, dict[str, int]] = {}
    for overlap in report.overlaps:
        table.setdefault(overlap.kind, {})[overlap.fold] = overlap.n
    return table


def test_nothing_on_both_sides_is_clean(tmp_path):
    report = check(corpus(tmp_path))
    assert report.verdict is Verdict.CLEAN
    assert report.overlaps == ()
    assert report.folds == {"0": 2, "1": 2}


def test_a_speaker_on_both_sides_leaks_and_the_table_counts_utterances(tmp_path):
    report = check(corpus(tmp_path, group=["a", "b", "a", "a"]))
    assert report.verdict is Verdict.LEAKS
    assert found(report) == {Kind.SPEAKER: {"0": 1, "1": 2}}
    assert report.overlaps[1].examples == ("a (2)",)
    assert "speaker: 2 of 2 utterances of fold 1" in report.reason


def test_a_speaker_within_one_fold_does_not(tmp_path):
    assert check(corpus(tmp_path, group=["a", "a", "b", "b"])).verdict is Verdict.CLEAN


def test_a_dialogue_on_both_sides_leaks(tmp_path):
    report = check(corpus(tmp_path, dialogue=["d1", "d2", "d2", "d3"]))
    assert report.verdict is Verdict.LEAKS
    assert found(report) == {Kind.DIALOGUE: {"0": 1, "1": 1}}


def test_speakers_in_a_split_by_whole_dialogues_limit_what_the_figures_mean(tmp_path):
    report = check(corpus(tmp_path, dialogue=["d1", "d1", "d2", "d2"], group=["a", "b", "a", "c"]))
    assert report.verdict is Verdict.SPEAKERS
    assert "not for new ones" in report.reason


def test_identical_files_leak_whatever_they_are_called(tmp_path):
    for name, data in {
        "a": b"same bytes",
        "b": b"other data",
        "c": b"same bytes",
        "d": b"of another length",
    }.items():
        (tmp_path / f"{name}.wav").write_bytes(data)
    report = check(corpus(tmp_path, path=["a.wav", "b.wav", "c.wav", "d.wav"]))
    assert report.verdict is Verdict.LEAKS
    assert found(report) == {Kind.FILE: {"0": 1, "1": 1}}
    assert report.overlaps[0].examples == ("u0 = u2",)


def test_one_file_on_two_rows_leaks(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"x")
    assert found(check(corpus(tmp_path, path=["a.wav", "", "", "a.wav"]))) == {Kind.FILE: {"0": 1, "1": 1}}


def test_identical_feature_arrays_leak_where_a_corpus_brings_no_files(tmp_path):
    rng = np.random.default_rng(1)
    arrays = [rng.normal(size=(3, 2)) for _ in range(3)]
    for i, array in enumerate([*arrays, arrays[1]]):
        np.save(tmp_path / f"{i}.npy", array)
    report = check(corpus(tmp_path, audio_features=[f"{i}.npy" for i in range(4)]))
    assert found(report) == {Kind.FILE: {"0": 1, "1": 1}}


def test_the_same_words_on_both_sides_concern_text_only(tmp_path):
    report = check(corpus(tmp_path, text=[LONG[0], LONG[1], "We could go to the BANK, today!", LONG[3]]))
    assert report.verdict is Verdict.TEXT
    assert found(report) == {Kind.TRANSCRIPT: {"0": 1, "1": 1}}
    assert report.overlaps[0].examples == ("we could go to the bank today = We could go to the BANK, today!",)


def test_nearly_the_same_words_are_found(tmp_path):
    report = check(corpus(tmp_path, text=[LONG[0], LONG[1], "well, we could go to the bank today", LONG[3]]))
    assert report.verdict is Verdict.TEXT
    assert found(report) == {Kind.NEAR_TRANSCRIPT: {"0": 1, "1": 1}}


def test_phrases_that_everyone_says_are_listed_but_are_no_evidence(tmp_path):
    report = check(corpus(tmp_path, text=["Yeah.", LONG[1], "yeah", LONG[3]]))
    assert report.verdict is Verdict.CLEAN
    assert found(report) == {Kind.SHORT_TRANSCRIPT: {"0": 1, "1": 1}}


def test_unknown_speakers_cannot_be_called_clean(tmp_path):
    report = check(corpus(tmp_path, group=["a", "", "c", "d"]))
    assert report.verdict is Verdict.UNKNOWN
    assert report.unknown == ("the speaker of 1 of 4 utterances is unknown",)


def test_the_official_split_is_the_default_and_train_is_never_tested(tmp_path):
    manifest = corpus(tmp_path, split=["train", "train", "dev", "test"], group=["a", "b", "a", "d"])
    report = leakage.check(manifest)
    assert found(report) == {Kind.SPEAKER: {"dev": 1}}
    assert report.folds == {"dev": 1, "test": 1, "train": 2}


def test_a_random_split_of_acted_speech_leaks_and_one_by_actor_does_not(tmp_path):
    rows = Collector("acted", tmp_path)
    for actor in range(4):
        for take in range(6):
            rows.add(f"{actor}-{take}", "joy", text=LONG[take % 2], group=str(actor))
    manifest = rows.manifest()
    by_actor = dict(zip(manifest.ids, manifest.groups(), strict=True))
    shuffled = dict(
        zip(manifest.ids, np.random.default_rng(0).permutation(list(by_actor.values())), strict=True)
    )
    assert leakage.check(manifest, by_actor).verdict is Verdict.TEXT
    assert leakage.check(manifest, shuffled).verdict is Verdict.LEAKS


def test_a_report_survives_json(tmp_path):
    report = check(corpus(tmp_path, group=["a", "b", "a", "a"], text=[LONG[0], LONG[0], LONG[0], "Hm."]))
    assert LeakageReport.from_json(json.loads(json.dumps(report.to_json()))) == report
    assert report.table().columns.tolist() == ["kind", "fold", "n", "of", "examples"]
    assert len(report.table()) == len(report.overlaps)


def test_folds_may_be_a_series_and_come_in_any_order(tmp_path):
    manifest = corpus(tmp_path, group=["a", "b", "a", "a"])
    folds = pd.Series({"u3": 10, "u2": 10, "u1": 2, "u0": 2})
    assert list(leakage.check(manifest, folds).folds) == ["2", "10"]


def test_no_split_is_one_sentence(tmp_path):
    manifest = corpus(tmp_path)
    with pytest.raises(CorpusError, match="no official split"):
        leakage.check(manifest)
    with pytest.raises(CorpusError, match=r"1 of 4 utterances have no fold \(first: u3\)"):
        leakage.check(manifest, {"u0": "0", "u1": "0", "u2": "1"})
    with pytest.raises(CorpusError, match="all utterances are in one fold"):
        check(manifest, "0000")
