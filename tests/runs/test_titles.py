"""Titles that tell runs apart by what differs, and no more."""

from __future__ import annotations

from copy import deepcopy

import pytest
from run_folders import write_run

from mmer_core.config import SHIPPED_RUNS
from mmer_core.runs.run import list_runs
from mmer_core.runs.titles import corpus_title, labels, plain_title, titles


@pytest.fixture
def record(tmp_path):
    return write_run(tmp_path / "r").record


def changed(record, **changes):
    """A copy with values at dotted places."""
    copy = deepcopy(record)
    for place, value in changes.items():
        *path, last = place.split("__")
        target = copy
        for key in path:
            target = target.setdefault(key, {})
        target[last] = value
    return copy


def test_a_run_alone_needs_nothing_more(record):
    assert titles({"a": record}) == {"a": "crema_d, 4 classes: early (Voice + face)"}


@pytest.mark.parametrize(
    ("change", "first", "second"),
    [
        ({"features__audio__encoder": "lld, this project"}, "given voice features", "lld"),
        ({"search__grid": {"hidden": [1]}}, "", "settings searched"),
        ({"speaker_normalised": True}, "", "speaker-normalised"),
        ({"fusion__options__hidden": [8, 4]}, "hidden 8", "hidden 8, 4"),
        ({"training__epochs": 9}, "epochs 3", "epochs 9"),
        ({"plan__folds": 10}, "3 folds", "10 folds"),
        ({"plan__kind": "leave-one-out"}, "group folds", "leave one out folds"),
        ({"created": "2020-01-01T00:00:00Z"}, None, "2020-01-01"),
    ],
)
def test_what_differs_is_added(record, change, first, second):
    found = titles({"a": record, "b": changed(record, **change)})
    base = plain_title(record)
    assert found["b"] == (f"{base} · {second}" if second else base)
    if first is not None:
        assert found["a"] == (f"{base} · {first}" if first else base)


def test_only_as_much_as_is_needed(record):
    """Both options and epochs differ between the first two; one of them is enough."""
    other = changed(record, fusion__options__hidden=[4], training__epochs=9)
    assert titles({"a": record, "b": other})["b"].count("·") == 1


def test_runs_that_are_alike_in_all_are_told_by_their_names(record):
    assert titles({"a": record, "b": record})["b"].endswith(" · b")


def test_a_label_leaves_out_what_all_share(record):
    other = changed(record, fusion__name="late_mean")
    assert labels({"a": record, "b": other}) == {"a": "early", "b": "late_mean"}
    assert labels({"a": record, "b": changed(other, labels=["x", "y"])})["b"] == "late_mean · 2 classes"


@pytest.mark.parametrize(
    ("spec", "title"),
    [
        ("csv:/data/mine.csv", "mine"),
        ("/data/mine.csv", "mine"),
        ("csv:/tmp/mmer-corpus-12-ab/manifest.csv", "uploaded corpus"),
    ],
)
def test_a_table_of_ones_own_is_called_by_its_file(record, spec, title):
    assert corpus_title(changed(record, corpus__name="csv", request__corpus=spec)) == title


def test_no_two_shipped_runs_have_one_title():
    records = {e.path.name: e.record for e in list_runs(SHIPPED_RUNS)}
    for found in (titles(records), labels(records)):
        assert len(set(found.values())) == len(records) == len(found)
        assert list(found) == list(records)
    pooled = titles(records)["ravdess-8-early-max-by-speaker"]
    assert (
        pooled == "ravdess, 8 classes: early (Voice + face) · voice_frames · speaker-normalised · pooling max"
    )
