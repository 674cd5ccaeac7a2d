"""Many clips at once: what to read, a row for each, and a table that a second start goes on with."""

from mmer_core.batch.inputs import Input, inputs_of
from mmer_core.batch.prediction import ClipReading, predict_files
from mmer_core.batch.rows import row_of, table_columns

__all__ = ["ClipReading", "Input", "inputs_of", "predict_files", "row_of", "table_columns"]
