"""Answers of a model to items whose classes are known, and the figures of all of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mmer_core import metrics
from mmer_core.inference.items import Skipped
from mmer_core.labels import Modality, subset_name, subsets


@dataclass(frozen=True)
class Answer:
    """The model's probabilities for one item, {subset: (C,)} for subsets with something present, and the true
    class.
    """

    id: str
    truth: int
    probabilities: dict[str, np.ndarray]


Outcome = Answer | Skipped


@dataclass
class Evaluation:
    """
    Attributes:
        labels: the model's classes.
        modalities: of the model.
        answers: one for each item that could be scored.
        skipped: the others, with the reason.
        seconds: duration of the evaluation.
        baseline: what the voices were compared with; "" for a model that does not compare.
    """

    labels: tuple[str, ...]
    modalities: tuple[Modality, ...]
    answers: list[Answer] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0
    baseline: str = ""

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the subsets of the modalities, that of all last."""
        return tuple(subset_name(s) for s in subsets(self.modalities))

    def confusion(self, subset: str) -> np.ndarray:
        """(C, C) counts over the items that have at least one modality of the subset."""
        rows = [
            (a.truth, int(a.probabilities[subset].argmax()))
            for a in self.answers
            if subset in a.probabilities
        ]
        pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)
        return metrics.confusion_matrix(pairs[:, 0], pairs[:, 1], len(self.labels))

    def to_json(self) -> dict[str, Any]:
        """The object that `evaluate --json` prints; a figure without items is null."""
        table = {name: metrics.scores(self.confusion(name)) for name in self.subsets}
        return {
            "labels": list(self.labels),
            "baseline": self.baseline,
            "n": len(self.answers),
            "subsets": {
                name: {k: None if math.isnan(v) else round(v, 6) for k, v in row.items()}
                for name, row in table.items()
            },
            "confusion": self.confusion(self.subsets[-1]).tolist(),
            "skipped": [{"id": s.id, "reason": s.reason} for s in self.skipped],
            "seconds": round(self.seconds, 3),
        }
