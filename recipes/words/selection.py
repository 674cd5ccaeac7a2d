"""The choice of a text recipe, on dialogues held out of MELD's training part and on comments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mmer_core.labels import EMOTIONS
from recipes.words.corpora import Utterances, without_punctuation
from recipes.words.distillation import TRIAL_SOFT_LABELS
from recipes.words.evaluation import EvaluationSuite
from recipes.words.network import average, classifier_of, sentence_encoder
from recipes.words.recipes import RECIPES, TextTraining
from recipes.words.stages import Stages

REPLAY = ", with replay of comments"
HALF_REPLAY = ", mean of without and with replay of comments"


@dataclass(frozen=True)
class Choice:
    """The best recipe on the held-out dialogues and on comments.

    Attributes:
        name: of the recipe, and of its replay.
        recipe: one in `RECIPES`.
        replay: of the trainings whose mean it is, whether each has replay.
        trial: its tensors, trained without the held-out dialogues.
        tried: scores of everything that was compared.
    """

    name: str
    recipe: str
    replay: tuple[bool, ...]
    trial: dict[str, Tensor]
    tried: list[dict[str, Any]]


def choose(
    options: TextTraining, stages: Stages, learn: Utterances, suite: EvaluationSuite, seed: int
) -> Choice:
    """Try each recipe in `options`; then the best one also with replay of comments, and the mean of the
    weights of both.

    Training on MELD makes a network forget how people write elsewhere; replay costs some of what it knows of
    MELD. The mean of both keeps most of both (Wortsman et al. 2022, "Robust fine-tuning of zero-shot
    models").
    """
    tried = baselines(options.encoder, learn, suite)
    trials = {
        name: stages.run(name, RECIPES[name], learn, seed, TRIAL_SOFT_LABELS) for name in options.recipes
    }

    def scored(name: str) -> dict[str, Any]:
        return suite.row(name, classifier_of(options, trials[name]).predict, options.in_dialogue > 0)

    rows = {name: scored(name) for name in trials}
    best = max(rows, key=lambda name: suite.total(rows[name]))
    kinds: dict[str, tuple[bool, ...]] = {best: (False,)}
    if options.replayed:
        replay, half = f"{best}{REPLAY}", f"{best}{HALF_REPLAY}"
        kinds |= {replay: (True,), half: (False, True)}
        trials[replay] = stages.run(replay, RECIPES[best], learn, seed, TRIAL_SOFT_LABELS, replay=True)
        trials[half] = average([trials[best], trials[replay]])
        rows |= {name: scored(name) for name in (replay, half)}
    chosen = max(kinds, key=lambda name: suite.total(rows[name]))
    return Choice(chosen, best, kinds[chosen], trials[chosen], [*tried, *rows.values()])


def baselines(encoder_name: str, learn: Utterances, suite: EvaluationSuite) -> list[dict[str, Any]]:
    """Scores of logistic regression on the published encoder's vectors, without and with copies that lack
    punctuation.
    """
    encoder = sentence_encoder(encoder_name)

    def vectors(texts: Sequence[str]) -> np.ndarray:
        # one window is enough for an utterance; what has no words becomes zeros
        nothing = np.zeros(encoder.spec.dim, np.float32)
        return np.stack([rows[0] if len(rows) else nothing for rows in encoder.encode_texts(texts)])

    plain, stripped = vectors(learn.texts), vectors(tuple(map(without_punctuation, learn.texts)))
    tables = {
        "frozen, logistic regression": [plain],
        "frozen, logistic regression, half without punctuation": [plain, stripped],
    }
    rows = []
    for recipe, parts in tables.items():
        model = LogisticRegression(C=4.0, max_iter=1000)
        model.fit(np.concatenate(parts), np.tile(learn.labels, len(parts)))
        rows.append(suite.row(recipe, partial(_regression_logits, model, vectors)))
    return rows


def _regression_logits(
    model: LogisticRegression,
    vectors: Callable[[Sequence[str]], np.ndarray],
    texts: Sequence[str],
    _context: object,
) -> np.ndarray:
    """(N, C) log probabilities; -inf for emotions that the training part lacks."""
    result = np.full((len(texts), len(EMOTIONS)), -np.inf)
    result[:, model.classes_] = model.predict_log_proba(vectors(texts))
    return result
