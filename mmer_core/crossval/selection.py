"""One fold: train the candidates, choose among them on the inner validation part, predict the test part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from mmer_core.calibration import fit_temperature, log_softmax
from mmer_core.crossval.experiment import Experiment, Part, Study, parts_of, whole_part
from mmer_core.features.table import FeatureTable
from mmer_core.folds import Fold
from mmer_core.labels import Modality, subset_name, subsets
from mmer_core.training import evidence, loop
from mmer_core.training.evidence import EvidenceSource
from mmer_core.training.loop import Fitted
from mmer_core.training.multitask import Network

Trained = tuple[Network, Fitted]


class Trainer:
    """Trains the parts of a study, each once; keeps what several folds or runs need again."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.done: dict[Part, Trained] = {}
        self._refitted: dict[Part, Network] = {}
        self._pooled: dict[tuple[tuple[Modality, ...], str], FeatureTable] = {}

    def network(self, part: Part) -> Network:
        """A part's network, untrained."""
        table = self.study.table.using(part.modalities)
        return loop.build(part.fusion, dict(part.options), table, part.training, self.study.fold_seed(part.fold))

    def table(self, part: Part, network: Network) -> FeatureTable:
        """The features that a part is trained on: with sequences pooled already where that changes nothing."""
        own = self.study.table.using(part.modalities)
        if self.study.views or part.training.augments:
            return own
        key = (part.modalities, "+".join(sorted({str(reader.pooling) for reader in evidence.readers_of(network)})))
        if key not in self._pooled:
            self._pooled[key] = evidence.pooled_once(own, network, part.training)
        return self._pooled[key]

    def train_side_by_side(self, parts: Iterable[Part], progress: Callable[[Part, Mapping[str, float]], None]) -> None:
        """Train those of the parts that are plain stacks of layers, all at once."""
        from mmer_core.crossval import stacks

        plain = [part for part in dict.fromkeys(parts) if not self.study.views and stacks.is_plain(part, self.study.table)]
        networks = {part: self.network(part) for part in plain}
        jobs = [
            stacks.Job(part, networks[part], self.table(part, networks[part]), self.study.folds[part.fold], self.study.fold_seed(part.fold))
            for part in plain
        ]
        self.done |= {job.part: (job.network, fitted) for job, fitted in zip(jobs, stacks.fit_all(jobs, progress), strict=True)}

    def train(self, part: Part, fold: Fold, progress: loop.Progress | None = None) -> Trained:
        """One part, trained now or before."""
        if part not in self.done:
            self.done[part] = self._fit(part, fold, progress)
        return self.done[part]

    def refit(self, part: Part, fold: Fold, epochs: int) -> Network:
        """A part trained anew, for that many epochs, on the training and the inner part together."""
        longer = replace(part, training=replace(part.training, epochs=epochs))
        if longer not in self._refitted:
            whole = replace(fold, train=np.sort(np.concatenate([fold.train, fold.inner])), inner=fold.inner[:0])
            self._refitted[longer] = self._fit(longer, whole, None)[0]
        return self._refitted[longer]

    def _fit(self, part: Part, fold: Fold, progress: loop.Progress | None) -> Trained:
        network = self.network(part)
        table = self.table(part, network)
        views = [view.using(part.modalities) for view in self.study.views]
        seed = self.study.fold_seed(fold.number)
        return network, loop.fit(network, table, fold.train, fold.inner, part.training, seed=seed, views=views, progress=progress)

    def forget(self, fold: int) -> None:
        """Let go of the networks of a fold that is written."""
        self.done = {part: value for part, value in self.done.items() if part.fold != fold}
        self._refitted = {part: value for part, value in self._refitted.items() if part.fold != fold}


@dataclass(frozen=True)
class Choice:
    """A trained candidate of one fold.

    Attributes:
        experiment: its settings.
        model: the network that predicts.
        table: the features it reads.
        fitted: {part: how its training went}.
        score: selection score on the inner part, then minus the loss there; higher is better; NaN without an inner part.
    """

    experiment: Experiment
    model: Network
    table: FeatureTable
    fitted: dict[str, Fitted]
    score: tuple[float, float]


def choose(trainer: Trainer, experiment: Experiment, fold: Fold, progress: Callable[[str], loop.Progress]) -> Choice:
    """Train every candidate of an experiment in one fold and keep the one that the inner part prefers, the first among equals.

    Args:
        trainer: of the study.
        experiment: with or without a search.
        fold: where.
        progress: gives, for the name of a part, what is called after each of its epochs.
    """
    choices = []
    for candidate in experiment.candidates(trainer.study.seed):
        parts = parts_of(candidate, fold.number)
        trained = {name: trainer.train(part, fold, progress(name)) for name, part in parts.items()}
        choices.append(_scored(trainer, candidate, fold, trained))
    return max(choices, key=lambda choice: choice.score)


def _scored(trainer: Trainer, candidate: Experiment, fold: Fold, trained: Mapping[str, Trained]) -> Choice:
    whole = whole_part(candidate, fold.number)
    model = trained[""][0] if "" in trained else assemble(trainer, whole, fold, {name: network for name, (network, _) in trained.items()})
    table = trainer.table(whole, model)
    inner = evidence.having(table, fold.inner, candidate.modalities)
    logits = evidence.logits_of(model, EvidenceSource(model, table, inner), torch.from_numpy(inner))
    row = loop.inner_scores(logits, torch.from_numpy(table.y[inner]))
    by = candidate.training.select_by
    score = -row["inner_loss"] if by == "loss" else row[f"inner_{by}"]
    return Choice(candidate, model, table, {name: fitted for name, (_, fitted) in trained.items()}, (score, -row["inner_loss"]))


def refitted(trainer: Trainer, choice: Choice, fold: Fold) -> Choice:
    """The choice trained again on the training and the inner part together, each part for the epochs that were chosen for it."""
    parts = parts_of(choice.experiment, fold.number)
    networks = {name: trainer.refit(part, fold, choice.fitted[name].best_epoch) for name, part in parts.items()}
    both = replace(fold, train=np.sort(np.concatenate([fold.train, fold.inner])))
    model = networks[""] if "" in networks else assemble(trainer, whole_part(choice.experiment, fold.number), both, networks)
    return replace(choice, model=model)


def assemble(trainer: Trainer, whole: Part, fold: Fold, trained: Mapping[str, Network]) -> Network:
    """A late model from its trained classifiers."""
    model = trainer.network(whole)
    loop.prepare(model, trainer.table(whole, model), fold.train)
    weights = model.state_dict()
    for modality, network in trained.items():
        for name, value in network.state_dict().items():
            owner, _, rest = name.partition(".")
            if owner == "classifier":
                weights[f"classifiers.{modality}.{rest}"] = value
    model.load_state_dict(weights)
    return model.eval()


def temperatures(choice: Choice, fold: Fold) -> dict[str, float]:
    """{subset: temperature} fitted on the inner part; 1 without one."""
    logits = _answers(choice, fold.inner)
    return {subset: fit_temperature(values, choice.table.y[fold.inner]) for subset, values in logits.items()}


def predict(choice: Choice, fold: Fold) -> pd.DataFrame:
    """Rows for predictions.parquet of the test part: every subset of the modalities, before temperature scaling."""
    table, frames = choice.table, []
    for subset, logits in _answers(choice, fold.test).items():
        rows = {"id": table.ids[fold.test], "fold": np.int16(fold.number), "subset": subset, "y_true": table.y[fold.test].astype(np.int16)}
        probabilities = np.exp(log_softmax(logits)).astype(np.float32)
        frames.append(pd.DataFrame({**rows, **{f"p_{label}": probabilities[:, c] for c, label in enumerate(table.labels)}}))
    return pd.concat(frames, ignore_index=True)


def _answers(choice: Choice, rows: np.ndarray) -> dict[str, np.ndarray]:
    """{subset: (n, C) logits} of the utterances at `rows`."""
    wanted = list(subsets(choice.experiment.modalities))
    logits = evidence.logits_of(choice.model, EvidenceSource(choice.model, choice.table, rows), torch.from_numpy(rows), wanted)
    return {subset_name(subset): values.numpy() for subset, values in zip(wanted, logits, strict=True)}


def history(choice: Choice, fold: int) -> pd.DataFrame:
    """Rows for history.parquet."""
    rows = [
        {"fold": np.int16(fold), "part": name, **row, "best": row["epoch"] == fitted.best_epoch}
        for name, fitted in choice.fitted.items()
        for row in fitted.history
    ]
    return pd.DataFrame(rows).astype({"epoch": np.int32})
