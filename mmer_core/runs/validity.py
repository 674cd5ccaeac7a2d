"""Whether a run can be shown: a record or a table that was edited, cut short or holds NaN is told with its
reason, before a page stumbles over it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from mmer_core import metrics
from mmer_core.runs.run import HISTORY, PREDICTIONS, RECORD, CVRun, RunError

if TYPE_CHECKING:
    import pandas as pd


def check(run: CVRun) -> None:
    """Look at what a record names and, of a finished run, at its figures and the columns of its predictions,
    without reading the predictions.

    Raises:
        RunError: a figure is missing, not a number or of the wrong shape, or the predictions lack a column.
    """
    where, classes = run.path / RECORD, len(run.labels)
    for part in ("corpus", "fusion"):
        if not isinstance(run.record[part].get("name"), str):
            raise RunError(f"{where} does not name its {part}: restore it or train again")
    try:
        full = run.full
    except ValueError as error:
        raise RunError(
            f"{where} names a modality that does not exist ({error}): restore it or train again"
        ) from None
    if not run.finished:
        return
    if full not in run.record["metrics"]:
        raise RunError(f"{where} has no figures for {full!r}: restore it or train again")
    temperatures = run.record.get("temperatures")
    for subset, figures in run.record["metrics"].items():
        wrong = _wrong_figure(figures, run.labels, classes)
        if not wrong and not (isinstance(temperatures, dict) and _are_positive(temperatures.get(subset))):
            wrong = "temperatures"
        if wrong:
            raise RunError(f"{where} holds no valid {wrong!r} for {subset!r}: restore it or train again")
    _check_columns(run)


def check_predictions(run: CVRun, table: pd.DataFrame) -> None:
    """Look at the predictions of one subset.

    Raises:
        RunError: NaN or infinite probabilities, or a class that the run does not have.
    """
    path = run.path / PREDICTIONS
    damaged = int((~np.isfinite(table[run.probability_columns].to_numpy())).any(axis=1).sum())
    if damaged:
        raise RunError(
            f"{path} holds probabilities that are not numbers (NaN) in {damaged} of {len(table)} "
            "rows: copy it again or train again"
        )
    if len(table) and not table["y_true"].between(0, len(run.labels) - 1).all():
        raise RunError(
            f"{path} names a class that {RECORD} does not have: copy the whole run again or train again"
        )


def check_history(run: CVRun, table: pd.DataFrame) -> None:
    """Look at the training history.

    Raises:
        RunError: a column is missing without which no curve can be drawn.
    """
    lacking = [c for c in ("fold", "part", "epoch", "validation_loss") if c not in table]
    if lacking:
        raise RunError(f"{run.path / HISTORY} lacks the column {lacking[0]}: copy it again or train again")


def _wrong_figure(figures: Any, labels: tuple[str, ...], classes: int) -> str:
    """The name of the first figure that cannot be shown; "" if all can."""
    if not isinstance(figures, dict):
        return "metrics"
    for name in metrics.SCORES:
        value = figures.get(name)
        if not (
            isinstance(value, list)
            and len(value) == 3
            and _is_share(value[0])
            and all(v is None or _is_share(v) for v in value[1:])
        ):
            return name
    confusion = figures.get("confusion")
    rows = (
        confusion if isinstance(confusion, list) and all(isinstance(row, list) for row in confusion) else []
    )
    if [len(row) for row in rows] != [classes] * classes or not all(
        isinstance(n, int) and n >= 0 for row in rows for n in row
    ):
        return "confusion"
    per_class = figures.get("per_class")
    if not isinstance(per_class, dict) or not all(isinstance(per_class.get(label), dict) for label in labels):
        return "per_class"
    folds = figures.get("folds")
    if not isinstance(folds, dict) or not all(
        isinstance(folds.get(name), dict) and isinstance(folds[name].get("each"), list)
        for name in metrics.SCORES
    ):
        return "folds"
    return "" if isinstance(figures.get("n"), int) else "n"


def _are_positive(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(v, int | float) and v > 0 for v in values)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not math.isnan(value) and 0 <= value <= 1


def _check_columns(run: CVRun) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = run.path / PREDICTIONS
    try:
        present = set(pq.read_schema(path).names)
    except FileNotFoundError:
        raise RunError(f"{run.path} lacks {PREDICTIONS}: copy the whole run again or train again") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise RunError(
            f"{path} is damaged ({str(error).splitlines()[0]}): copy it again or train again"
        ) from error
    lacking = [c for c in ("id", "fold", "subset", "y_true", *run.probability_columns) if c not in present]
    if lacking:
        raise RunError(f"{path} lacks the column {lacking[0]}: copy it again or train again")
