"""run.json: the names of a run's files, and its record, checked before anything is shown of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmer_core.runs import version_one

SCHEMA = 2
MODEL = "model"
BASELINE = "baseline.parquet"  # out-of-fold predictions of the linear baseline
RECORD, PREDICTIONS, FOLDS, HISTORY, PROGRESS, LOCK = (
    "run.json",
    "predictions.parquet",
    "folds.parquet",
    "history.parquet",
    "progress.json",
    ".lock",
)
STATUSES = ("running", "finished", "failed", "interrupted")

# What a record must hold, and of which type, before anything is shown of it.
_SHAPE: dict[str, type] = {
    **dict.fromkeys(("name", "status", "created", "command"), str),
    **dict.fromkeys(("labels", "modalities"), list),
    **dict.fromkeys(("corpus", "fusion", "training", "plan", "metrics"), dict),
}


class RunError(ValueError):
    """A run that cannot be read; the message names the file and says why."""


def read_record(folder: Path) -> dict[str, Any]:
    """The run.json of a run, checked for its format; a run that says "running" but whose process has gone is
    "interrupted".

    Raises:
        RunError: no such file, not JSON, another schema, or a part is missing or of the wrong kind.
    """
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{folder} is not a run: it has no {RECORD}") from None
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read ({error}): restore it or train again") from error
    found = record.get("schema") if isinstance(record, dict) else None
    if found not in (version_one.SCHEMA, SCHEMA):
        raise RunError(
            f"{path} has schema {found!r} and this version reads {SCHEMA}: use the version that "
            "wrote it or train again"
        )
    if found == version_one.SCHEMA:
        record = version_one.upgraded(record)
    wrong = next((k for k, kind in _SHAPE.items() if not isinstance(record.get(k), kind)), None)
    if wrong or record["status"] not in STATUSES:
        raise RunError(f"{path} lacks a valid {wrong or 'status'!r}: restore it or train again")
    if record["status"] == "running" and not is_locked(folder):
        record["status"] = "interrupted"
    return record


def is_locked(folder: Path) -> bool:
    """Whether a process is training into this folder right now: it holds a lock that ends with it, however it
    ends.
    """
    import fcntl

    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
