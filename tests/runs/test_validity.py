"""A run that was edited, cut short or holds NaN is refused with its reason."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from run_folders import edit, write_run

from mmer_core.runs.run import CVRun, RunError
from mmer_core.runs.validity import check, check_predictions
from mmer_core.runs.writer import write_table


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def change(run, path, value):
    """Change one value of run.json, deep inside; None takes it away."""
    record = json.loads((run.path / "run.json").read_text())
    *parents, last = path
    validation = record
    for key in parents:
        validation = validation[key]
    if value is None:
        del validation[last]
    else:
        validation[last] = value
    (run.path / "run.json").write_text(json.dumps(record))
    return CVRun.open(run.path)


def test_a_run_as_written_is_sound(run):
    check(run)
    for subset in run.metrics:
        check_predictions(run, run.predictions(subset))


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        (
            ("metrics", "audio+visual", "accuracy"),
            [float("nan"), None, None],
            "no valid 'accuracy' for 'audio\\+visual'",
        ),
        (("metrics", "audio", "ua"), [7.0, 0.1, 0.2], "no valid 'ua' for 'audio'"),
        (("metrics", "audio", "weighted_f1"), 0.5, "no valid 'weighted_f1'"),
        (("metrics", "audio", "confusion"), [[1, 2], [3]], "no valid 'confusion'"),
        (("metrics", "audio", "confusion"), "many", "no valid 'confusion'"),
        (("metrics", "audio", "per_class"), {}, "no valid 'per_class'"),
        (("metrics", "audio", "folds"), None, "no valid 'folds'"),
        (("metrics", "audio", "n"), None, "no valid 'n'"),
        (("metrics", "audio"), None, None),
        (("metrics", "audio+visual"), None, "no figures for 'audio\\+visual'"),
        (("temperatures",), None, "no valid 'temperatures'"),
        (("temperatures", "audio"), [0, 1, 1], "no valid 'temperatures'"),
        (("modalities",), ["smell"], "names a modality that does not exist"),
        (("corpus", "name"), None, "does not name its corpus"),
        (("fusion", "name"), 3, "does not name its fusion"),
    ],
)
def test_an_edited_record_is_refused_with_what_is_wrong(run, path, value, reason):
    edited = change(run, path, value)
    if reason is None:
        check(edited)  # a subset that is not there is only not offered
    else:
        with pytest.raises(RunError, match=reason):
            check(edited)


def test_a_missing_column_is_found_without_reading_the_table(run):
    table = pd.read_parquet(run.path / "predictions.parquet").drop(columns="p_anger")
    write_table(run.path / "predictions.parquet", table, by="subset")
    edit(run.path, files={})
    with pytest.raises(RunError, match="lacks the column p_anger"):
        check(CVRun.open(run.path))


def test_a_table_that_is_no_table_is_found(run):
    (run.path / "predictions.parquet").write_bytes(b"nothing")
    edit(run.path, files={})
    with pytest.raises(RunError, match="is damaged"):
        check(CVRun.open(run.path))


def test_nan_among_the_predictions_is_counted(run):
    table = run.predictions()
    table.loc[[3, 5], "p_joy" if "p_joy" in table else run.probability_columns[0]] = np.nan
    with pytest.raises(RunError, match=rf"not numbers \(NaN\) in 2 of {len(table)} rows"):
        check_predictions(run, table)


def test_a_class_that_does_not_exist_is_refused(run):
    with pytest.raises(RunError, match=r"names a class that run\.json does not have"):
        check_predictions(run, run.predictions().assign(y_true=9))
