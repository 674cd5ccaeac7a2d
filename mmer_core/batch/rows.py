"""A clip's answer as the row of a table, for a spreadsheet or pandas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core.inference.prediction import Prediction
from mmer_core.labels import Modality
from mmer_core.runs.spreadsheets import without_formulas

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
NOT_READ = "not read"  # begins the reason of a file that could not be read, or not to its end
_TEXTS = ("path", "speaker_name", "label", "words", "reason", "warnings")
_NUMBERS = ("speaker", "face")
_TRUTHS = ("unsure", "overlapped", "spoken")


def table_columns(labels: Sequence[str], modalities: Sequence[Modality]) -> tuple[str, ...]:
    """The columns in order: path, label, probability, unsure, p_<label> for each class, <modality>_label and
    <modality>_probability for each modality, duration (s), words, reason, warnings.
    """
    alone = [f"{m.value}_{what}" for m in modalities for what in ("label", "probability")]
    return (
        "path",
        "label",
        "probability",
        "unsure",
        *(f"p_{label}" for label in labels),
        *alone,
        "duration",
        "words",
        "reason",
        "warnings",
    )


def row_of(path: str, prediction: Prediction, duration: float, words: str) -> Row:
    """The row of a clip that was read; probabilities in [0, 1], rounded to six digits. Where nothing was
    found in it there is no label, and `reason` says what was looked for.

    Args:
        path: as the person gave it.
        prediction: the answer.
        duration: seconds.
        words: those that were read; "" for none.
    """
    row: Row = {"path": path, "duration": round(duration, 3), "words": words or None}
    row["warnings"] = " ".join(prediction.warnings) or None
    if not prediction.used:
        row["reason"] = "nothing to read: " + "; ".join(f"{m}: {r}" for m, r in prediction.absences.items())
        return row
    row |= {
        "label": prediction.label,
        "probability": round(prediction.probability, 6),
        "unsure": prediction.unsure,
        **{f"p_{label}": round(p, 6) for label, p in prediction.probabilities.items()},
    }
    for modality, own in prediction.modalities.items():
        if own.probabilities is not None and own.label is not None:
            row[f"{modality.value}_label"] = own.label
            row[f"{modality.value}_probability"] = round(own.probabilities[own.label], 6)
    return row


def frame_of(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    """The rows as a table with these columns, of the same types whatever is missing."""
    import pandas as pd

    table = pd.DataFrame(rows, columns=list(columns))
    kinds = {**dict.fromkeys(_TEXTS, "string"), **dict.fromkeys(_TRUTHS, "boolean")}
    kinds |= dict.fromkeys(_NUMBERS, "Int64")
    alone = [c for c in columns if c.endswith("_label")]
    return table.astype({c: kinds.get(c, "string") for c in [*kinds, *alone] if c in table})


def write_frame(table: pd.DataFrame, out: Path) -> None:
    """Write a table as Parquet or CSV, as the file's ending says; in CSV no text begins like a formula."""
    if out.suffix.lower() == ".parquet":
        table.to_parquet(out, index=False)
    else:
        without_formulas(table).to_csv(out, index=False)


def count_unread(table: pd.DataFrame) -> int:
    """How many files of a table could not be read, or not to their end."""
    return int(table["path"][table["reason"].str.startswith(NOT_READ, na=False)].nunique())


def unread_row(path: str, reason: str) -> Row:
    """The row of a file that could not be read, with one sentence that says why."""
    return {"path": path, "reason": not_read(reason)}


def not_read(reason: str) -> str:
    """Why a file could not be read, as in the table."""
    return f"{NOT_READ}: {reason}"
