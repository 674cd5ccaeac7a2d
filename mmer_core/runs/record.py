"""run.json: the names of a run's files, and its record, checked before anything is shown of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmer_core.json_files import read_json
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
        record = read_json(path)
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
    wrong = wrong or _odd(record)
    if wrong or record["status"] not in STATUSES:
        raise RunError(f"{path} lacks a valid {wrong or 'status'!r}: restore it or train again")
    if record["status"] == "running" and not is_locked(folder):
        record["status"] = "interrupted"
    return record


def _odd(record: dict[str, Any]) -> str | None:
    """The first part of a record whose content is of a wrong kind; None if there is none."""
    checks = {
        "labels": all(isinstance(label, str) for label in record["labels"]),
        "modalities": all(isinstance(modality, str) for modality in record["modalities"]),
        "metrics": all(isinstance(scores, dict) for scores in record["metrics"].values()),
        "files": isinstance(files := record.get("files", {}), dict)
        and all(
            isinstance(facts, dict)
            and isinstance(facts.get("bytes"), int)
            and isinstance(facts.get("sha256"), str)
            for facts in files.values()
        ),
    }
    return next((name for name, sound in checks.items() if not sound), None)


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
