"""Files that appear whole or not at all; among them the tables of a run, as Parquet."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: pd.DataFrame, by: str | None = None) -> None:
    """Write a table as Parquet in one step; with `by`, one row group for each value of that column, so that a
    reader can skip the others.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    whole = pa.Table.from_pandas(table, preserve_index=False)
    parts = (
        [whole] if by is None else [whole.filter(pc.equal(whole[by], value)) for value in table[by].unique()]
    )
    floats = [f.name for f in whole.schema if pa.types.is_floating(f.type)]
    texts = [f.name for f in whole.schema if pa.types.is_string(f.type) or pa.types.is_large_string(f.type)]
    with pq.ParquetWriter(
        buffer, whole.schema, compression="zstd", use_dictionary=texts, use_byte_stream_split=floats
    ) as writer:
        for part in parts:
            writer.write_table(part, row_group_size=max(1, len(part)))
    with in_one_step(path) as draft:
        draft.write_bytes(buffer.getvalue())


@contextmanager
def in_one_step(path: Path) -> Iterator[Path]:
    """A draft beside a file, with its ending, that takes the file's place at the end; nothing is left of the
    draft where that fails.
    """
    draft = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
