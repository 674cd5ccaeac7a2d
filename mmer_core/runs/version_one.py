"""Runs of version 0.1 (schema 1), which call the validation part "inner" and have no request: read as if they
were written today.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = 1
_OLD, _NEW = "inner", "validation"


def upgraded(record: dict[str, Any]) -> dict[str, Any]:
    """A run.json with the names of this version."""
    if not isinstance(record.get("chosen"), list):
        return record
    return {**record, "chosen": [_renamed(row) for row in record["chosen"] if isinstance(row, dict)]}


def _renamed(row: dict[str, Any]) -> dict[str, Any]:
    return {_new_name(name): value for name, value in row.items()}


def _new_name(name: str) -> str:
    return f"{_NEW}_{name.removeprefix(f'{_OLD}_')}" if name.startswith(f"{_OLD}_") else name


def with_columns(history: pd.DataFrame) -> pd.DataFrame:
    """A training history with the column names of this version."""
    return history.rename(columns=_new_name)


def with_roles(folds: pd.DataFrame) -> pd.DataFrame:
    """Folds with the roles of this version."""
    return folds.assign(role=folds["role"].replace({_OLD: _NEW})) if "role" in folds else folds
