"""What is trained, as plain data: the study (corpus and folds), the experiments on it, and the networks that each takes in a fold."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from mmer_core.features.table import FeatureTable
from mmer_core.folds import Fold
from mmer_core.labels import Modality, in_order
from mmer_core.training.config import TrainingConfig


@dataclass(frozen=True)
class Study:
    """What all runs of one command share.

    Attributes:
        table: the corpus.
        folds: how it is cut.
        seed: of everything that is drawn.
        side_by_side: train plain stacks of layers of all folds at once (see `crossval.stacks`).
        views: the table with augmented features, for training.
    """

    table: FeatureTable
    folds: Sequence[Fold]
    seed: int = 0
    side_by_side: bool = True
    views: tuple[FeatureTable, ...] = ()

    def fold_seed(self, fold: int) -> int:
        """The seed of one fold's weights, batches and dropout."""
        return int(np.random.SeedSequence([self.seed, fold]).generate_state(1)[0])


@dataclass(frozen=True)
class Experiment:
    """
    Attributes:
        fusion: name of the fusion model.
        modalities: what it reads.
        options: fields of the model's `Options`.
        training: the settings.
        search: {field of the training settings or of the options: values to try}; each fold keeps what its inner part prefers.
        trials: how many combinations to try, drawn at random; 0 for all.
    """

    fusion: str
    modalities: tuple[Modality, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    search: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    trials: int = 0

    def settings(self) -> dict[str, Any]:
        """The part of run.json that says what is trained."""
        return {
            "modalities": [str(m) for m in in_order(self.modalities)],
            "fusion": {"name": self.fusion, "options": dict(self.options)},
            "training": self.training.to_json(),
            "search": {"grid": {k: list(v) for k, v in self.search.items()}, "trials": self.trials},
        }

    def candidates(self, seed: int) -> list[Experiment]:
        """The experiments without search that this one chooses from; `seed` draws the trials."""
        if not self.search:
            return [self]
        grid = [dict(zip(self.search, values, strict=True)) for values in itertools.product(*self.search.values())]
        if 0 < self.trials < len(grid):
            grid = [grid[i] for i in np.sort(np.random.default_rng(seed).choice(len(grid), self.trials, replace=False))]
        return [self._at(point) for point in grid]

    def _at(self, point: Mapping[str, Any]) -> Experiment:
        known = self.training.to_json()
        config = replace(self.training, **{k: v for k, v in point.items() if k in known})
        options = {**self.options, **{k: v for k, v in point.items() if k not in known}}
        return replace(self, training=config, options=options, search={}, trials=0)


@dataclass(frozen=True)
class Part:
    """One network to train in one fold: the whole model, or one classifier of a late model. Equal parts are trained once.

    Attributes:
        fusion: name of the fusion model.
        modalities: what it reads.
        options: (name, value) pairs, sorted.
        training: the settings.
        fold: number of the fold.
    """

    fusion: str
    modalities: tuple[Modality, ...]
    options: tuple[tuple[str, Any], ...]
    training: TrainingConfig
    fold: int


def whole_part(experiment: Experiment, fold: int) -> Part:
    """The whole model of an experiment without search."""
    return Part(experiment.fusion, in_order(experiment.modalities), tuple(sorted(experiment.options.items())), experiment.training, fold)


def parts_of(experiment: Experiment, fold: int) -> dict[str, Part]:
    """What must be trained for one candidate in one fold: {"": the model}, or {modality: its classifier} for late models that only combine.

    S0's late fusion is a vote of classifiers that were trained on their own, each stopped at its own best epoch; so is the mean.
    """
    from mmer_core import fusion
    from mmer_core.fusion.late import LateMean

    whole = whole_part(experiment, fold)
    factory = fusion.factory(experiment.fusion)
    if isinstance(factory, type) and issubclass(factory, LateMean):
        return {str(m): replace(whole, fusion="unimodal", modalities=(m,)) for m in whole.modalities}
    return {"": whole}
