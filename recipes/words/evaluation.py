"""The evaluation suite of text networks: on held-out data, which chooses, and on MELD's development part,
which does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmer_core import metrics
from mmer_core.uncertainty.calibration import fit_temperature
from recipes.words.corpora import Condition, Predictor, Utterances


@dataclass(frozen=True)
class EvaluationSuite:
    """
    Attributes:
        held_out: dialogues of MELD's training part that were not learned; they choose.
        comments: those of GoEmotions' development part, which choose with them.
        dev: MELD's development part.
    """

    held_out: Utterances
    comments: Condition
    dev: Utterances

    def row(self, recipe: str, predictor: Predictor, in_dialogue: bool = False) -> dict[str, Any]:
        """Weighted F1 of one recipe, before class frequencies are weighed, under every condition; and
        cross-entropy at its best temperature on held-out utterances alone and on comments.
        """
        held_out = {k: (c, c.logits(predictor)) for k, c in self.held_out.conditions(in_dialogue).items()}
        alone, comments = held_out[""], self.comments.logits(predictor)
        row: dict[str, Any] = {"recipe": recipe}
        row |= {f"held_out{k}": _weighted_f1(*scored) for k, scored in held_out.items()}
        row |= scores("dev", self.dev.conditions(in_dialogue), predictor)
        row |= {"comments": _weighted_f1(self.comments, comments)}
        row |= {"held_out_cross_entropy": round(alone[0].cross_entropy(alone[1]), 4)}
        row |= {"comments_cross_entropy": round(self.comments.cross_entropy(comments), 4)}
        print(f"words: {', '.join(f'{k} {v}' for k, v in row.items())}", flush=True)
        return row

    def total(self, row: Mapping[str, Any]) -> float:
        """The score that recipes are compared by: the sum of a row's weighted F1 on the held-out dialogues
        under all conditions, and on comments.
        """
        in_dialogue = "held_out_in_dialogue" in row
        return sum(row[f"held_out{k}"] for k in self.held_out.conditions(in_dialogue)) + row["comments"]

    def temperature(self, predictor: Predictor, in_dialogue: bool) -> float:
        """The best temperature for MELD's utterances alone and, if wanted, behind the turns before them."""
        conditions = self.held_out.conditions(in_dialogue)
        logits = [c.logits(predictor) for k, c in conditions.items() if k != "_bare"]
        return fit_temperature(np.concatenate(logits), np.tile(self.held_out.labels, len(logits)))


def scores(name: str, conditions: Mapping[str, Condition], predictor: Predictor) -> dict[str, float]:
    """{name + condition: weighted F1} of a predictor."""
    return {name + k: _weighted_f1(c, c.logits(predictor)) for k, c in conditions.items()}


def spread(single: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Mean and standard deviation of each seed's weighted F1 on the development part, before the class
    frequencies are weighed; empty for a single seed.
    """
    if len(single) < 2:
        return {}
    columns = {k: np.array([row[k] for row in single]) for k in single[0]}
    return {
        f"MELD dev, {len(single)} seeds one by one": {
            f"weighted_f1{k.removeprefix('dev')}_{what}": round(float(value), 4)
            for k, v in columns.items()
            for what, value in (("mean", v.mean()), ("sd", v.std(ddof=1)))
        }
    }


def _weighted_f1(condition: Condition, logits: np.ndarray) -> float:
    return round(metrics.score_predictions(condition.labels, logits)["weighted_f1"], 4)
