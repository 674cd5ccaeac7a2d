"""The answers of a live reading as a table, kept in memory while somebody wants it."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from mmer_core.inference.live.moment import SeenFace
from mmer_core.inference.prediction import Prediction
from mmer_core.labels import Modality
from mmer_core.runs.spreadsheets import inert

PER_SECOND = 4  # answers at most
MOST = 3 * 3600 * PER_SECOND  # answers that a table holds: three hours
_ALONE = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
COLUMNS = (
    "seconds",
    "time",
    "person",
    "label",
    "probability",
    "unsure",
    *(f"{m.value}_label" for m in _ALONE),
    "words",
)


class SessionTable:
    """One row for each answer while it records: of the main person from all modalities, and of everybody else
    in view from the face alone. Safe to use from any thread.

    Args:
        wall: the time of day.
        most: answers that it holds at most.

    Attributes:
        recording: whether answers are added.
    """

    def __init__(self, wall: Callable[[], datetime] | None = None, most: int = MOST) -> None:
        self.recording = False
        self._wall, self._most = wall or (lambda: datetime.now().astimezone()), most
        self._lock = threading.Lock()
        self.clear()

    @property
    def full(self) -> bool:
        """Whether it takes nothing more."""
        return self._answers >= self._most

    def clear(self) -> None:
        """Forget every row; the time counts from the next one."""
        with self._lock:
            self.rows = 0
            self.seconds = 0.0
            self._answers = 0
            self._began: float | None = None
            self._last = -float("inf")
            self._lines = io.BytesIO()

    def add(
        self,
        at: float,
        prediction: Prediction | None,
        faces: Sequence[SeenFace],
        words: str,
        unsure_below: float,
    ) -> None:
        """Add an answer, unless the last one is too fresh, there is none, or the table does not record or is
        full.

        Args:
            at: seconds on the reader's clock.
            prediction: of the main person.
            faces: everybody in view.
            words: that count in the answer.
            unsure_below: probability below which a face's own label is unsure.
        """
        with self._lock:
            if not self.recording or self.full or at - self._last < 0.98 / PER_SECOND:
                return
            rows = list(_rows(prediction, faces, words, unsure_below))
            if not rows:
                return
            self._began = at if self._began is None else self._began
            self._last, self.seconds = at, at - self._began
            now = self._wall().isoformat(timespec="milliseconds")
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(
                [f"{self.seconds:.2f}", now, *row] for row in rows
            )
            self._lines.write(text.getvalue().encode())
            self.rows += len(rows)
            self._answers += 1

    def csv(self) -> bytes:
        """The table as UTF-8, with its header."""
        with self._lock:
            return f"{','.join(COLUMNS)}\n".encode() + self._lines.getvalue()


def _rows(
    prediction: Prediction | None, faces: Sequence[SeenFace], words: str, unsure_below: float
) -> list[list[str]]:
    """The rows of one answer without their times."""
    rows = []
    used = prediction.used if prediction else ()
    if prediction is not None and used:
        main = next((str(f.person) for f in faces if f.main), "") if Modality.VISUAL in used else ""
        alone = [(own.label if (own := prediction.modalities.get(m)) else "") or "" for m in _ALONE]
        said = words if Modality.TEXT in used else ""
        rows.append(
            [main, *_answer(prediction.label, prediction.probability, prediction.unsure_below), *alone, said]
        )
    for face in faces:
        if not face.main and face.label is not None and face.probabilities is not None:
            answer = _answer(face.label, face.probabilities[face.label], unsure_below)
            rows.append([str(face.person), *answer, "", "", face.label, ""])
    return [[inert(cell) for cell in row] for row in rows]


def _answer(label: str, probability: float, unsure_below: float) -> tuple[str, str, str]:
    return label, f"{probability:.4f}", "yes" if probability < unsure_below else "no"
