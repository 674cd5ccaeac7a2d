"""How a network reads corpora that it was not trained on: right and sure enough, without the turns before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mmer_core.uncertainty.calibration import answering_under, negative_log_likelihood
from recipes.left_out import LeftOut, scores, write
from recipes.words.corpora import Utterances

STEPS = tuple(round(0.25 * i, 2) for i in range(5))  # of the way from the trained frequencies to equal ones
TEMPERATURES = tuple(round(0.7 + 0.1 * i, 1) for i in range(19))


class Read(NamedTuple):
    """A corpus and the raw logits (N, C) of a network that had not learned it."""

    utterances: Utterances
    logits: np.ndarray


class Answering(NamedTuple):
    """How raw logits become answers.

    Attributes:
        temperature: that they are divided by.
        step: of the way from the trained class frequencies to equal ones, 0 to 1.
    """

    temperature: float
    step: float

    def frequencies(self, trained: np.ndarray) -> np.ndarray:
        """(C,) class frequencies that are answered under."""
        return (1 - self.step) * trained + self.step / len(trained)

    def answers(self, logits: np.ndarray, trained: np.ndarray) -> np.ndarray:
        """(N, C) calibrated logits of raw ones (N, C) under the frequencies `trained` (C,)."""
        return answering_under(logits, self.temperature, trained, self.frequencies(trained))


def mean_scores(read: Mapping[str, Read], answering: Answering, trained: np.ndarray) -> dict[str, float]:
    """Means over the corpora, each counted once, of ua, accuracy, ece and cross_entropy."""
    scored = [scores(answering.answers(r.logits, trained), r.utterances.labels) for r in read.values()]
    names = ("ua", "accuracy", "ece", "cross_entropy")
    return {name: round(float(np.mean([row[name] for row in scored])), 4) for name in names}


def best_answering(
    read: Mapping[str, Read], trained: np.ndarray, steps: tuple[float, ...] = STEPS
) -> Answering:
    """The temperature and step with the least mean cross-entropy over the corpora, each counted once."""

    def loss(answering: Answering) -> float:
        return sum(
            negative_log_likelihood(answering.answers(r.logits, trained), r.utterances.labels)
            for r in read.values()
        )

    return min((Answering(t, step) for t in TEMPERATURES for step in steps), key=loss)


def write_read(path: Path, read: Mapping[str, Read]) -> None:
    """Write a table: id, corpus, label, group, logit_<emotion>."""
    corpora = {
        name: LeftOut(logits, part.labels, np.array(part.groups)) for name, (part, logits) in read.items()
    }
    write(path, corpora, {name: part.ids for name, (part, _) in read.items()})
