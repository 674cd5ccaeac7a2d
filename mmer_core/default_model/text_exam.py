"""What judges of words are asked, and how they score: on held-out data, which chooses, and on MELD's development part, which does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmer_core import metrics
from mmer_core.calibration import fit_temperature
from mmer_core.default_model.text_corpora import Judge, Utterances, Way


@dataclass(frozen=True)
class Exam:
    """What a recipe is judged by.

    Attributes:
        held: dialogues of MELD's training part that were not learned; they choose.
        comments: those of GoEmotions' development part, which choose with them.
        dev: MELD's development part.
    """

    held: Utterances
    comments: Way
    dev: Utterances

    def row(self, recipe: str, judge: Judge, in_dialogue: bool = False) -> dict[str, Any]:
        """Weighted F1 of one recipe, before class frequencies are weighed, in every way; and cross-entropy at its best temperature on held-out
        utterances alone and on comments."""
        held = {k: (way, way.ask(judge)) for k, way in self.held.ways(in_dialogue).items()}
        alone, comments = held[""][1], self.comments.ask(judge)
        row: dict[str, Any] = {"recipe": recipe}
        row |= {f"held_out{k}": _weighted_f1(*answered) for k, answered in held.items()}
        row |= scores("dev", self.dev.ways(in_dialogue), judge)
        row |= {"comments": _weighted_f1(self.comments, comments)}
        row |= {"held_out_cross_entropy": round(held[""][0].cross_entropy(alone), 4)}
        row |= {"comments_cross_entropy": round(self.comments.cross_entropy(comments), 4)}
        print(f"text: {', '.join(f'{k} {v}' for k, v in row.items())}", flush=True)
        return row

    def total(self, row: Mapping[str, Any]) -> float:
        """By which recipes are compared: the sum of a row's weighted F1 over the ways to meet the held-out dialogues, and on comments."""
        return sum(row[f"held_out{k}"] for k in self.held.ways("held_out_in_dialogue" in row)) + row["comments"]

    def temperature(self, judge: Judge, told: bool) -> float:
        """That of answers to MELD's utterances alone and, where turns before them are `told`, behind these."""
        logits = [way.ask(judge) for k, way in self.held.ways(told).items() if k != "_bare"]
        return fit_temperature(np.concatenate(logits), np.tile(self.held.labels, len(logits)))


def scores(name: str, ways: Mapping[str, Way], judge: Judge) -> dict[str, float]:
    """Weighted F1 of a judge's answers in each way, by the name and the way's."""
    return {name + k: _weighted_f1(way, way.ask(judge)) for k, way in ways.items()}


def spread(single: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Mean and standard deviation of each seed's weighted F1 on the development part, before the class frequencies are weighed."""
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


def _weighted_f1(way: Way, logits: np.ndarray) -> float:
    return round(metrics.score_predictions(way.labels, logits)["weighted_f1"], 4)
