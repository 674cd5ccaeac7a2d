"""Progress of a run in training: progress.json with the share that is done, and the curves so far."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from mmer_core.runs.summary import figure
from mmer_core.runs.writer import RunWriter

FOLDS, FINAL = "folds", "final model"


class RunProgress:
    """Collects what the trainings of a run report; they may run in several threads.

    progress.json holds: step ("folds" or "final model"), folds (how many), done (folds written), share (of
    the work, 0 to 1), the last fold, part and epoch, and curves, {"fold" or "fold part": rows of the history
    so far}.

    Args:
        writer: of the run.
        folds: how many the run has.
        parts: networks that are trained in each fold.
        epochs: at most, of each.
        done: folds that are on disk already.
    """

    def __init__(self, writer: RunWriter, folds: int, parts: int, epochs: int, done: int = 0) -> None:
        self._writer, self._folds, self._parts, self._epochs = writer, folds, parts, epochs
        self._curves: dict[str, list[dict[str, float | None]]] = {}
        self._done = done
        self._final = 0.0
        self._lock = threading.Lock()

    def epoch(self, fold: int, part: str, row: Mapping[str, float]) -> None:
        """Note that a network has finished an epoch; `row` is its row of the history."""
        with self._lock:
            curve = self._curves.setdefault(f"{fold} {part}".strip(), [])
            if curve and row["epoch"] <= curve[-1]["epoch"]:  # type: ignore[operator]
                curve.clear()  # the next candidate of a search begins
            curve.append({name: figure(value) for name, value in row.items()})
            self._write(
                {
                    "step": FOLDS,
                    "fold": fold,
                    "part": part,
                    "epoch": int(row["epoch"]),
                    "epochs": self._epochs,
                },
                always=False,
            )

    def fold_written(self, fold: int) -> None:
        """Note that a fold is on disk."""
        with self._lock:
            self._done += 1
            self._write({"step": FOLDS, "fold": fold}, always=True)

    def final_epoch(self, part: str, epoch: int, epochs: int, share: float) -> None:
        """Note that a network of the final model has finished an epoch; `share` of all epochs is done."""
        with self._lock:
            self._final = share
            self._write({"step": FINAL, "part": part, "epoch": epoch, "epochs": epochs}, always=epoch == 1)

    def _write(self, state: Mapping[str, Any], *, always: bool) -> None:
        trained = sum(len(curve) for curve in self._curves.values()) / (
            self._folds * self._parts * self._epochs
        )
        folds = min(1.0, max(trained, self._done / self._folds))
        share = (self._folds * folds + self._final) / (
            self._folds + 1
        )  # the final model is as long as a fold
        self._writer.progress(
            {
                **state,
                "folds": self._folds,
                "done": self._done,
                "share": round(share, 4),
                "curves": self._curves,
            },
            always=always,
        )
