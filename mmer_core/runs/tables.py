"""Files that appear whole or not at all; among them the tables of a run, as Parquet."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mmer_core.runs.record import RunError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.parquet as pq

MOST_BYTES = 2 * 2**30  # of a table, unpacked


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


def read_parquet(
    path: Path,
    columns: Iterable[str] | None = None,
    filters: list[tuple[str, str, str]] | None = None,
    needed: Iterable[str] = (),
) -> pd.DataFrame:
    """A table that somebody else may have written.

    Args:
        path: the file.
        columns: those to read; None: all.
        filters: (column, operator, value) that the rows fulfil.
        needed: columns that must be there beside `columns`.

    Raises:
        FileNotFoundError: there is none.
        RunError: it is damaged, lacks a column, or unpacks to more than `MOST_BYTES`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = None if columns is None else list(columns)
    try:
        facts = pq.read_metadata(path)
        lacking = sorted({*(wanted or ()), *needed} - set(facts.schema.to_arrow_schema().names))
        if lacking:
            raise RunError(f"{path} lacks the column {lacking[0]}: train again")
        if unpacked_bytes(facts) > MOST_BYTES:
            raise RunError(f"{path} unpacks to more than {MOST_BYTES >> 30} GB: do not use this run")
        found = pq.read_table(path, columns=wanted, filters=filters)
        found.validate(full=True)  # texts among them are decoded only when somebody looks at them
        # what pandas noted in the file could make an index of a column
        return found.to_pandas(ignore_metadata=True)
    except (FileNotFoundError, RunError):
        raise
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise RunError(f"{path} is damaged ({reason[:200]}): copy it again or train again") from error


def unpacked_bytes(facts: pq.FileMetaData) -> int:
    """What a table says that it unpacks to: the larger of what its parts say and eight bytes a cell."""
    parts = [facts.row_group(number) for number in range(facts.num_row_groups)]
    return max(sum(part.total_byte_size for part in parts), 8 * facts.num_rows * facts.num_columns)


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
