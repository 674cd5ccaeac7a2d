"""What progress.json tells about a run in training: how far it is, and the curves so far."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from mmer_core.runs.summary import figure
from mmer_core.runs.writer import RunWriter


class RunProgress:
    """Collects what the trainings of a run report; they may run in several threads.

    progress.json holds: folds (how many), done (folds written), share (of the work, 0 to 1), the last fold, part and epoch, and curves,
    {"fold" or "fold part": rows of the history so far}.

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
        self._lock = threading.Lock()

    def epoch(self, fold: int, part: str, row: Mapping[str, float]) -> None:
        """A network has finished an epoch."""
        with self._lock:
            curve = self._curves.setdefault(f"{fold} {part}".strip(), [])
            if curve and row["epoch"] <= curve[-1]["epoch"]:  # type: ignore[operator]
                curve.clear()  # the next candidate of a search begins
            curve.append({name: figure(value) for name, value in row.items()})
            self._tell({"fold": fold, "part": part, "epoch": int(row["epoch"]), "epochs": self._epochs}, always=False)

    def fold_written(self, fold: int) -> None:
        """A fold is on disk."""
        with self._lock:
            self._done += 1
            self._tell({"fold": fold}, always=True)

    def _tell(self, state: Mapping[str, Any], *, always: bool) -> None:
        trained = sum(len(curve) for curve in self._curves.values()) / (self._folds * self._parts * self._epochs)
        share = round(min(1.0, max(trained, self._done / self._folds)), 4)
        self._writer.progress({**state, "folds": self._folds, "done": self._done, "share": share, "curves": self._curves}, always=always)
