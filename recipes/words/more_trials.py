"""Trainings of the further stage that leave corpora out, and what is chosen on these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipes.words.corpora import Predictor
from recipes.words.more_corpora import GROUPS
from recipes.words.more_report import best_phrases_share, stranger_row, together
from recipes.words.more_stages import NEW_SHARES, MoreStages
from recipes.words.network import between, classifier_of
from recipes.words.phrases import fit_phrases, mixed, phrase_predictor
from recipes.words.strangers import Read

MATERIAL = 0.01  # nats on strangers for which it is worth forgetting something


@dataclass(frozen=True)
class Shares:
    """What was chosen on the corpora that were left out.

    Attributes:
        new: of the way from the shipped words to what the further stage makes of them.
        phrases: weight of the phrases beside the network.
        tried: scores of everything that was compared.
    """

    new: float
    phrases: float
    tried: tuple[dict[str, Any], ...]

    @property
    def name(self) -> str:
        """Of the choice, for its scores."""
        return f"further stage, {self.new:.0%} of the way, beside phrases"


class Trial:
    """A training that leaves groups of corpora out, and how it reads these.

    Attributes:
        name: of the training.
        network: {share of the way from the shipped words: {corpus that was left out: raw logits}}.
        phrases: {corpus that was left out: raw logits} of the phrases alone.
    """

    def __init__(self, stages: MoreStages, groups: Sequence[str]) -> None:
        self.name = f"without {', '.join(groups)}"
        trained = stages.trial(self.name, groups)
        left = [corpus for group in groups for corpus in GROUPS[group]]
        kept = [part for name, part in stages.data.more.items() if name not in left]
        table = fit_phrases(trained, stages.learn, stages.data.comments["train"], kept)
        self._phrases = phrase_predictor(trained.encoder, table)
        self._classifiers = {
            share: classifier_of(stages.text, between(stages.shipped.tensors, trained.tensors(), share))
            for share in NEW_SHARES
        }
        out = {name: stages.data.more[name] for name in left}
        self.network = {
            share: {name: Read(part, network.predict(part.texts)) for name, part in out.items()}
            for share, network in self._classifiers.items()
        }
        self.phrases = {name: Read(part, self._phrases(part.texts, None)) for name, part in out.items()}

    def predictor(self, shares: Shares) -> Predictor:
        """Network and phrases together."""
        return mixed(self._classifiers[shares.new].predict, self._phrases, shares.phrases)


def left_out(trials: Sequence[Trial], share: float | None = None) -> dict[str, Read]:
    """{corpus: raw logits} by the trials that had not learned it, of the networks at that share or, without
    one, of the phrases.
    """
    parts = (trial.phrases if share is None else trial.network[share] for trial in trials)
    return {name: read for part in parts for name, read in part.items()}


def choose_shares(trials: Sequence[Trial], prior: np.ndarray) -> Shares:
    """The shares with the least mean cross-entropy on the corpora that were left out, each at its best
    temperature and frequencies; `prior` (C,) are those that the logits are under.

    Of those that are no worse by more than `MATERIAL` the shortest way from the shipped words is taken:
    every step makes them forget what they know.
    """
    phrases = left_out(trials)
    rows = [stranger_row("phrases alone, corpora left out", phrases, prior)]
    losses: dict[tuple[float, float], float] = {}
    for new in NEW_SHARES:
        network = left_out(trials, new)
        share, loss = best_phrases_share(network, phrases, prior)
        name = f"further stage, {new:.0%} of the way, corpora left out"
        rows += [
            stranger_row(name, network, prior),
            stranger_row(f"{name}, beside phrases ({share:.2f})", together(network, phrases, share), prior),
        ]
        losses[new, share] = loss
    new, share = min(shares for shares, loss in losses.items() if loss <= min(losses.values()) + MATERIAL)
    return Shares(new, share, tuple(rows))
