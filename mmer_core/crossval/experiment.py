"""A cross-validation as plain data: the study (corpus and folds), the experiments on it, and the networks
that each trains in a fold.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from mmer_core.evaluation.folds import Fold
from mmer_core.features.table import FeatureTable
from mmer_core.labels import Modality, in_order
from mmer_core.training.config import TrainingConfig


@dataclass(frozen=True)
class Study:
    """The corpus and the folds that all runs of one request share.

    Attributes:
        table: the corpus.
        folds: its cuts into training, validation and test part.
        seed: of everything that is drawn.
        side_by_side: train plain stacks of layers of all folds at once (see `crossval.stacks`).
        views: the table with augmented features, for training.
        device: where networks are trained, "cpu", "cuda" or "mps".
        entries: {modality: its entry in a model's record} (see `inference.record`); a modality without one
            has features that came with the corpus.
    """

    table: FeatureTable
    folds: Sequence[Fold]
    seed: int = 0
    side_by_side: bool = True
    views: tuple[FeatureTable, ...] = ()
    device: str = "cpu"
    entries: Mapping[Modality, Mapping[str, Any]] = field(default_factory=dict)

    def fold_seed(self, fold: int) -> int:
        """The seed of one fold's weights, batches and dropout; the number after the last is the final
        model's.
        """
        return int(np.random.SeedSequence([self.seed, fold]).generate_state(1)[0])


@dataclass(frozen=True)
class Experiment:
    """
    Attributes:
        fusion: name of the fusion model.
        modalities: what it reads.
        options: fields of the model's `Options`.
        training: the settings.
        search: {field of the training settings or of the options: values to try}; each fold keeps what its
            validation part prefers.
        trials: how many combinations to try, drawn at random; 0 for all.
    """

    fusion: str
    modalities: tuple[Modality, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    search: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    trials: int = 0

    def settings(self) -> dict[str, Any]:
        """The part of run.json that says what is trained, as JSON."""
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
        grid = [
            dict(zip(self.search, values, strict=True)) for values in itertools.product(*self.search.values())
        ]
        if 0 < self.trials < len(grid):
            grid = [
                grid[i]
                for i in np.sort(np.random.default_rng(seed).choice(len(grid), self.trials, replace=False))
            ]
        return [self._at(point) for point in grid]

    def _at(self, point: Mapping[str, Any]) -> Experiment:
        known = self.training.to_json()
        config = replace(self.training, **{k: v for k, v in point.items() if k in known})
        options = {**self.options, **{k: v for k, v in point.items() if k not in known}}
        return replace(self, training=config, options=options, search={}, trials=0)


@dataclass(frozen=True)
class Part:
    """One network to train in one fold: the whole model, or one classifier of a late model. Equal parts are
    trained once.

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

    def __hash__(self) -> int:
        return hash((self.fusion, self.modalities, repr(self.options), self.training, self.fold))


def whole_part(experiment: Experiment, fold: int) -> Part:
    """The whole model of an experiment without search."""
    return Part(
        experiment.fusion,
        in_order(experiment.modalities),
        tuple(sorted(experiment.options.items())),
        experiment.training,
        fold,
    )


def parts_of(experiment: Experiment, fold: int) -> dict[str, Part]:
    """The networks to train for one candidate in one fold: {"": the model}, or {modality: its classifier} for
    networks whose classifiers are trained apart (`FusionNetwork.parts`), each stopped at its own best epoch.

    A network with an option that its classifiers do not have as well, such as heads of its own, is trained as
    one.
    """
    from mmer_core import fusion

    whole = whole_part(experiment, fold)
    factory = fusion.factory(experiment.fusion)
    unimodal = getattr(factory, "parts", None)
    if unimodal is None or not _shares_options(whole, factory, fusion.factory(unimodal)):
        return {"": whole}
    known = {f.name for f in fields(fusion.factory(unimodal).Options)}  # type: ignore[attr-defined]
    options = tuple((name, value) for name, value in whole.options if name in known)
    return {
        str(m): replace(whole, fusion=unimodal, modalities=(m,), options=options) for m in whole.modalities
    }


def _shares_options(whole: Part, factory: Any, unimodal: Any) -> bool:
    """Whether every option that differs from its default belongs to the classifiers too."""
    known = {f.name for f in fields(unimodal.Options)}
    default = factory.Options()
    return all(name in known or value == getattr(default, name) for name, value in whole.options)


def options_of(experiment: Experiment) -> dict[str, Any]:
    """All options of an experiment's network as JSON, those included that have their defaults."""
    from mmer_core import fusion

    kind = fusion.factory(experiment.fusion).Options  # type: ignore[attr-defined]
    return dict(kind.from_json(experiment.options).to_json())
