"""A row for each utterance, CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmer_core.batch.rows import frame_of, row_of, table_columns, write_frame
from mmer_core.labels import Modality
from mmer_core.recordings.exports.captions import NOBODY_NAMED, Names, speaker_of
from mmer_core.recordings.recording import Recording
from mmer_core.recordings.utterances import Utterance


def check() -> None:
    """Nothing beyond the core is needed."""


def columns_of(recording: Recording, names: Names = NOBODY_NAMED) -> list[str]:
    """The columns for one recording, with the modalities that were read in it."""
    used = list(
        dict.fromkeys(m for u in recording.utterances if u.prediction for m in u.prediction.modalities)
    )
    return columns(recording.labels, used, names)


def columns(labels: Sequence[str], modalities: Sequence[Modality], names: Names = NOBODY_NAMED) -> list[str]:
    """start, end, speaker (from 1), speaker_name if any are named, overlapped, spoken, face (from 1) and
    face_probability, words, and then those of `batch.table_columns` without path and duration.
    """
    answer = [c for c in table_columns(labels, modalities) if c not in ("path", "duration", "words")]
    named = ["speaker_name"] if names else []
    return [
        "start",
        "end",
        "speaker",
        *named,
        "overlapped",
        "spoken",
        "face",
        "face_probability",
        "words",
        *answer,
    ]


def rows_of(recording: Recording, names: Names = NOBODY_NAMED) -> list[dict[str, Any]]:
    """The utterances as rows; what is not known is left out."""
    return [_row(utterance, names) for utterance in recording.utterances]


def _row(utterance: Utterance, names: Names) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if utterance.prediction is not None:
        row = row_of("", utterance.prediction, utterance.seconds, utterance.words)
    return row | {
        "start": round(utterance.start, 3),
        "end": round(utterance.end, 3),
        "speaker": None if utterance.speaker is None else utterance.speaker + 1,
        "speaker_name": speaker_of(utterance, names) or None,
        "overlapped": utterance.overlapped,
        "spoken": utterance.spoken,
        "face": None if utterance.face is None else utterance.face + 1,
        "face_probability": None
        if utterance.face_probability is None
        else round(utterance.face_probability, 3),
        "words": utterance.words or None,
        "reason": utterance.reason or None,
    }


def write(recording: Recording, out: Path, names: Names = NOBODY_NAMED) -> None:
    """Write the table."""
    write_frame(frame_of(rows_of(recording, names), columns_of(recording, names)), out)
