"""How words are trained: what is tried on dialogues held out of MELD's training part, and what of it is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mmer_core.default_model.text_corpora import Utterances, bare
from mmer_core.default_model.text_exam import Exam
from mmer_core.default_model.text_recipes import RECIPES, TextTraining
from mmer_core.default_model.text_stage import Stages
from mmer_core.default_model.text_teacher import TRIAL_ANSWERS
from mmer_core.default_model.text_trainer import average, holding, sentence_encoder
from mmer_core.labels import EMOTIONS

REHEARSING = ", rehearsing comments"
HALF_REHEARSING = ", mean of without and with rehearsing comments"


@dataclass(frozen=True)
class Choice:
    """What did best on the held-out dialogues and on comments.

    Attributes:
        name: of the recipe, and of how it rehearses.
        recipe: one in `RECIPES`.
        rehearsing: of the trainings whose mean it is, whether each rehearses.
        trial: what it trained without the held-out dialogues.
        tried: scores of everything that was compared.
    """

    name: str
    recipe: str
    rehearsing: tuple[bool, ...]
    trial: dict[str, Tensor]
    tried: list[dict[str, Any]]


def choose(options: TextTraining, stages: Stages, learn: Utterances, exam: Exam, seed: int) -> Choice:
    """Try each recipe in `options`; then the best one also with rehearsing comments, and the mean of the weights of both.

    Training on MELD makes a network forget how people write elsewhere; rehearsing that costs some of what it knows of MELD. The mean of both keeps
    most of both (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    """
    tried = _frozen(options.encoder, learn, exam)
    trials = {name: stages.run(name, RECIPES[name], learn, seed, TRIAL_ANSWERS) for name in options.recipes}

    def scored(name: str) -> dict[str, Any]:
        return exam.row(name, holding(options, trials[name]).answer, options.in_dialogue > 0)

    rows = {name: scored(name) for name in trials}
    best = max(rows, key=lambda name: exam.total(rows[name]))
    kinds: dict[str, tuple[bool, ...]] = {best: (False,)}
    if options.rehearsed:
        rehearsing, half = f"{best}{REHEARSING}", f"{best}{HALF_REHEARSING}"
        kinds |= {rehearsing: (True,), half: (False, True)}
        trials[rehearsing] = stages.run(rehearsing, RECIPES[best], learn, seed, TRIAL_ANSWERS, rehearsing=True)
        trials[half] = average([trials[best], trials[rehearsing]])
        rows |= {name: scored(name) for name in (rehearsing, half)}
    chosen = max(kinds, key=lambda name: exam.total(rows[name]))
    return Choice(chosen, best, kinds[chosen], trials[chosen], [*tried, *rows.values()])


def _frozen(name: str, learn: Utterances, exam: Exam) -> list[dict[str, Any]]:
    """The baselines to beat: logistic regression on the encoder as published, without and with copies that lack punctuation."""
    encoder = sentence_encoder(name)

    def vectors(texts: Sequence[str]) -> np.ndarray:
        # one window is enough for an utterance; what has no words becomes zeros
        return np.stack([rows[0] if len(rows) else np.zeros(encoder.spec.dim, np.float32) for rows in encoder.encode_texts(texts)])

    plain, stripped = vectors(learn.texts), vectors(tuple(map(bare, learn.texts)))
    tables = {"frozen, logistic regression": [plain], "frozen, logistic regression, half without punctuation": [plain, stripped]}
    rows = []
    for recipe, parts in tables.items():
        model = LogisticRegression(C=4.0, max_iter=1000).fit(np.concatenate(parts), np.tile(learn.labels, len(parts)))
        rows.append(exam.row(recipe, partial(_regress, model, vectors)))
    return rows


def _regress(model: LogisticRegression, vectors: Callable[[Sequence[str]], np.ndarray], texts: Sequence[str], _before: object) -> np.ndarray:
    """(N, C) log probabilities; -inf for emotions that the training part lacks."""
    result = np.full((len(texts), len(EMOTIONS)), -np.inf)
    result[:, model.classes_] = model.predict_log_proba(vectors(texts))
    return result
