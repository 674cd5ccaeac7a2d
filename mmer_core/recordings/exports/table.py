"""A row for each utterance, CSV or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmer_core.batch.rows import row_of, table_columns, write_frame
from mmer_core.recordings.recording import Recording
from mmer_core.recordings.utterances import Utterance


def check() -> None:
    """Nothing beyond the core is needed."""


def columns_of(recording: Recording) -> list[str]:
    """start, end, speaker (from 1), overlapped, spoken, words, and then those of `batch.table_columns`
    without path and duration.
    """
    used = list(
        dict.fromkeys(m for u in recording.utterances if u.prediction for m in u.prediction.modalities)
    )
    answer = [c for c in table_columns(recording.labels, used) if c not in ("path", "duration", "words")]
    return ["start", "end", "speaker", "overlapped", "spoken", "words", *answer]


def rows_of(recording: Recording) -> list[dict[str, Any]]:
    """The utterances as rows; what is not known is left out."""
    return [_row(utterance) for utterance in recording.utterances]


def _row(utterance: Utterance) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if utterance.prediction is not None:
        row = row_of("", utterance.prediction, utterance.seconds, utterance.words)
    return row | {
        "start": round(utterance.start, 3),
        "end": round(utterance.end, 3),
        "speaker": None if utterance.speaker is None else utterance.speaker + 1,
        "overlapped": utterance.overlapped,
        "spoken": utterance.spoken,
        "words": utterance.words or None,
        "reason": utterance.reason or None,
    }


def write(recording: Recording, out: Path) -> None:
    """Write the table."""
    import pandas as pd

    table = pd.DataFrame(rows_of(recording), columns=columns_of(recording))
    table["speaker"] = table["speaker"].astype("Int64")
    for name in ("words", "label", "reason", "warnings"):
        table[name] = table[name].astype("string")
    write_frame(table, out)
