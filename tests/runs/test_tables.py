"""Tables of a run that somebody else may have written."""

import pandas as pd

from mmer_core.runs.tables import read_parquet


def test_what_pandas_noted_in_a_file_makes_no_index_of_a_column(tmp_path):
    table = pd.DataFrame({"id": ["a", "b"], "group": ["s", "t"], "fold": [0, 1]})
    table.set_index("group").to_parquet(tmp_path / "folds.parquet")
    found = read_parquet(tmp_path / "folds.parquet", needed=("id", "group", "fold"))
    assert sorted(found.columns) == ["fold", "group", "id"]
    assert found["group"].tolist() == ["s", "t"]
