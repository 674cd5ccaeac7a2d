"""The networks of a study, each trained once however many runs and folds need it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from mmer_core.crossval.experiment import Part, Study
from mmer_core.evaluation.folds import Fold
from mmer_core.features.table import FeatureTable
from mmer_core.fusion.layers import standardizers_of
from mmer_core.labels import Modality
from mmer_core.training import inputs, loop
from mmer_core.training.loop import Fitted
from mmer_core.training.multitask import Network
from mmer_core.uncertainty.out_of_distribution import MahalanobisDetector

Trained = tuple[Network, Fitted]
#: The network, how its training went, and the network after a second training for its best epoch, or None.
TrainedElsewhere = tuple[Network, Fitted, Network | None]
#: A detector and the share of the utterances of folds left out that it flags; None for too few utterances.
FittedDetector = tuple[MahalanobisDetector, dict[str, Any]] | None


class Trainer:
    """Trains the parts of a study; keeps those that several folds or runs need again.

    Args:
        study: corpus and folds.

    Attributes:
        detectors: {modality: its detector of unusual inputs}, fitted once for all runs of the study.
        elsewhere: gives a part that another process trains, when it is done (see `crossval.distributed`).
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.detectors: dict[Modality, FittedDetector] = {}
        self.elsewhere: Callable[[Part], TrainedElsewhere | None] | None = None
        self._done: dict[Part, Trained] = {}
        self._refitted: dict[Part, Network] = {}
        self._pooled: dict[tuple[tuple[Modality, ...], str], FeatureTable] = {}

    def network(self, part: Part) -> Network:
        """A part's network, untrained."""
        table = self.study.table.using(part.modalities)
        return loop.build(
            part.fusion, dict(part.options), table, part.training, self.study.fold_seed(part.fold)
        )

    def table(self, part: Part, network: Network) -> FeatureTable:
        """The features that a part is trained on, with sequences pooled where that changes nothing."""
        own = self.study.table.using(part.modalities)
        if self.study.views or part.training.augments:
            return own
        poolings = sorted({str(one.pooling) for one in standardizers_of(network)})
        key = (part.modalities, "+".join(poolings))
        if key not in self._pooled:
            self._pooled[key] = inputs.pooled_once(own, network, part.training)
        return self._pooled[key]

    def train_side_by_side(
        self, parts: Iterable[Part], progress: Callable[[Part, Mapping[str, float]], None]
    ) -> None:
        """Train those of the parts that are plain, all folds at once (see `crossval.stacks`)."""
        plain = self.plain(parts)
        self._done |= self._fit_together(plain, [self.study.folds[part.fold] for part in plain], progress)

    def refit_side_by_side(self, parts: Iterable[Part]) -> None:
        """`refit` those of the parts that are plain and were trained, all folds at once."""
        plain = [part for part in self.plain(parts) if part in self._done]
        longer = [with_epochs(part, self._done[part][1].best_epoch) for part in plain]
        folds = [without_validation(self.study.folds[part.fold]) for part in plain]
        trained = self._fit_together(longer, folds)
        self._refitted |= {part: network for part, (network, _) in trained.items()}

    def plain(self, parts: Iterable[Part]) -> list[Part]:
        """Those of the parts that can be trained all folds at once."""
        from mmer_core.crossval import stacks

        every = () if self.study.views else dict.fromkeys(parts)
        return [part for part in every if stacks.is_plain(part, self.study.table)]

    def left_to_the_loop(self, parts: Iterable[Part]) -> list[Part]:
        """Those of the parts that are trained one after the other."""
        every = list(dict.fromkeys(parts))
        beside = set(self.plain(every)) if self.study.side_by_side else set()
        return [part for part in every if part not in beside]

    def _fit_together(
        self,
        parts: Sequence[Part],
        folds: Sequence[Fold],
        progress: Callable[[Part, Mapping[str, float]], None] | None = None,
    ) -> dict[Part, Trained]:
        from mmer_core.crossval import stacks

        jobs = []
        for part, fold in zip(parts, folds, strict=True):
            network = cast(stacks.PlainNetwork, self.network(part).to(self.study.device))
            table, seed = self.table(part, network), self.study.fold_seed(part.fold)
            jobs.append(stacks.Job(part, network, table, fold, seed))
        fitted = stacks.fit_all(jobs, progress)
        return {job.part: (job.network, one) for job, one in zip(jobs, fitted, strict=True)}

    def train(self, part: Part, fold: Fold, progress: loop.Progress | None = None) -> Trained:
        """One part, trained now or before; its best epoch is chosen on the fold's validation part."""
        if part not in self._done:
            self._done[part] = self._fitted_elsewhere(part, progress) or self._fit(part, fold, progress)
        return self._done[part]

    def _fitted_elsewhere(self, part: Part, progress: loop.Progress | None) -> Trained | None:
        """A part that another process trains; its progress is told when it is known, at its end."""
        found = self.elsewhere(part) if self.elsewhere is not None else None
        if found is None:
            return None
        network, fitted, again = found
        if again is not None:
            self._refitted[with_epochs(part, fitted.best_epoch)] = again
        if progress is not None:
            for row in fitted.history:
                progress(row)
        return network, fitted

    def refit(self, part: Part, fold: Fold, epochs: int, progress: loop.Progress | None = None) -> Network:
        """A part trained anew, for that many epochs, on the training and the validation part together."""
        longer = with_epochs(part, epochs)
        if longer not in self._refitted:
            self._refitted[longer] = self._fit(longer, without_validation(fold), progress)[0]
        return self._refitted[longer]

    def forget(self, fold: int) -> None:
        """Release the networks of a fold that is written."""
        self._done = {part: value for part, value in self._done.items() if part.fold != fold}
        self._refitted = {part: value for part, value in self._refitted.items() if part.fold != fold}

    def _fit(self, part: Part, fold: Fold, progress: loop.Progress | None) -> Trained:
        network = self.network(part)
        return network, loop.fit(
            network,
            self.table(part, network),
            fold.train,
            fold.validation,
            part.training,
            seed=self.study.fold_seed(fold.number),
            views=[view.using(part.modalities) for view in self.study.views],
            progress=progress,
            device=self.study.device,
        )

    def assemble(self, whole: Part, trained: Mapping[str, Network], train: np.ndarray) -> Network:
        """One network from classifiers that were trained apart.

        Args:
            whole: the network that combines them.
            trained: {modality: its classifier}.
            train: (n,) rows that its standardisation and class prior come from.
        """
        model = self.network(whole).to(self.study.device)
        loop.prepare(model, self.table(whole, model), train)
        weights = model.state_dict()
        for modality, network in trained.items():
            for name, value in network.state_dict().items():
                owner, _, rest = name.partition(".")
                if owner == "classifier":
                    weights[f"classifiers.{modality}.{rest}"] = value
        model.load_state_dict(weights)
        return model.eval()


def both_parts(fold: Fold) -> np.ndarray:
    """(n,) rows of the training and the validation part together, ascending."""
    return np.sort(np.concatenate([fold.train, fold.validation]))


def without_validation(fold: Fold) -> Fold:
    """The fold with its validation part in its training part."""
    return replace(fold, train=both_parts(fold), validation=fold.validation[:0])


def with_epochs(part: Part, epochs: int) -> Part:
    """The part with another number of epochs."""
    return replace(part, training=replace(part.training, epochs=epochs))
