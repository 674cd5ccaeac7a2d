"""The diarisation error rate: how much of the speech is missed, invented or given to somebody else."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

Turns = Sequence[tuple[float, float, Hashable]]  # start and end in seconds, speaker


@dataclass(frozen=True)
class Errors:
    """Seconds of errors beside seconds of speech; speech of two at once counts twice.

    Attributes:
        missed: speech of nobody in the answer.
        invented: speech of nobody in the truth.
        confused: speech of somebody else.
        speech: in the truth.
    """

    missed: float = 0.0
    invented: float = 0.0
    confused: float = 0.0
    speech: float = 0.0

    @property
    def rate(self) -> float:
        """The error rate; 1 is what an empty answer has, and it has no upper bound."""
        wrong = self.missed + self.invented + self.confused
        return wrong / self.speech if self.speech else float(wrong > 0)

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.missed + other.missed,
            self.invented + other.invented,
            self.confused + other.confused,
            self.speech + other.speech,
        )


def errors(truth: Turns, answer: Turns) -> Errors:
    """Errors of an answer, with overlap and without forgiveness at the edges of turns; speakers of the answer
    stand for those of the truth with whom they agree best, one for one.
    """
    edges = np.unique([t for start, end, _ in (*truth, *answer) for t in (start, end)])
    lengths = np.diff(edges)
    true, found = _active(truth, edges), _active(answer, edges)
    together = (true * lengths) @ found.T
    matched = together[linear_sum_assignment(-together)].sum()
    in_truth, in_answer = true.sum(axis=0), found.sum(axis=0)
    both = float((np.minimum(in_truth, in_answer) * lengths).sum())
    speech, said = float((in_truth * lengths).sum()), float((in_answer * lengths).sum())
    return Errors(speech - both, said - both, both - float(matched), speech)


def _active(turns: Turns, edges: np.ndarray) -> np.ndarray:
    """(speakers, stretches between edges) float64: 1 where somebody speaks."""
    names = {name: i for i, name in enumerate(dict.fromkeys(name for *_, name in turns))}
    active = np.zeros((len(names), max(len(edges) - 1, 0)))
    for start, end, name in turns:
        active[names[name], np.searchsorted(edges, start) : np.searchsorted(edges, end)] = 1.0
    return active
