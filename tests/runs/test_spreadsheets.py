"""No text in a saved table is a formula, and numbers are numbers."""

from __future__ import annotations

import io

import pandas as pd
import pytest

from mmer_core.batch.rows import frame_of, write_frame
from mmer_core.runs.spreadsheets import inert, without_formulas


@pytest.mark.parametrize("text", ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_what_begins_like_a_formula_gets_an_apostrophe(text):
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "joy", "a=b", "'=1", "€ 5"])
def test_other_texts_stay(text):
    assert inert(text) == text


def test_numbers_stay_numbers():
    table = pd.DataFrame(
        {
            "=name": ["=1", "-well", None],
            "rounded": ["-3.5", "+2", "−1.0"],
            "number": [-1.5, 2.0, float("nan")],
            "whole": pd.array([-1, None, 2], "Int64"),
            "truth": [True, False, True],
        }
    )
    before = table.copy()
    read = pd.read_csv(io.StringIO(without_formulas(table).to_csv(index=False)))
    assert list(read.columns) == ["'=name", "rounded", "number", "whole", "truth"]
    assert read["'=name"].tolist()[:2] == ["'=1", "'-well"]
    assert read["number"].tolist()[:2] == [-1.5, 2.0]
    assert read["whole"].tolist()[0] == -1
    assert without_formulas(table)["rounded"].tolist() == ["-3.5", "+2", "−1.0"]
    pd.testing.assert_frame_equal(table, before)


def test_the_table_of_many_clips_has_none(tmp_path):
    rows = [{"path": "=HYPERLINK(1).wav", "words": "@marked", "probability": -0.5, "label": "joy"}]
    columns = ("path", "label", "probability", "words", "reason", "warnings")
    frame = frame_of(rows, columns)
    write_frame(frame, tmp_path / "out.csv")
    line = (tmp_path / "out.csv").read_text().splitlines()[1]
    assert line == "'=HYPERLINK(1).wav,joy,-0.5,'@marked,,"
    write_frame(frame, tmp_path / "out.parquet")
    assert pd.read_parquet(tmp_path / "out.parquet")["path"].tolist() == ["=HYPERLINK(1).wav"]
