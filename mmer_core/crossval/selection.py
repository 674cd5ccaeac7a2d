"""One fold: train the candidates, choose among them on the validation part, predict the test part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mmer_core.crossval.experiment import Experiment, parts_of, whole_part
from mmer_core.crossval.trainer import Trained, Trainer, both_parts
from mmer_core.evaluation.folds import Fold
from mmer_core.features.table import FeatureTable
from mmer_core.fusion.base import FusionNetwork
from mmer_core.labels import Modality, subset_name, subsets
from mmer_core.training import inputs, loop
from mmer_core.training.inputs import InputSource
from mmer_core.training.loop import Fitted
from mmer_core.training.multitask import Network
from mmer_core.uncertainty.calibration import fit_temperature, log_softmax


@dataclass(frozen=True)
class Choice:
    """A trained candidate of one fold.

    Attributes:
        experiment: its settings.
        model: the network that predicts.
        table: the features it reads.
        fitted: {part: how its training went}.
        score: selection score on the validation part, then minus the loss there; higher is better; NaN
            without a validation part.
        others: every candidate in the order of `Experiment.candidates`, this one included; empty for one
            that was not chosen among others.
    """

    experiment: Experiment
    model: Network
    table: FeatureTable
    fitted: dict[str, Fitted]
    score: tuple[float, float]
    others: tuple[Choice, ...] = ()

    @property
    def best_epochs(self) -> dict[str, int]:
        """{part: the epoch whose weights were kept}."""
        return {name: fitted.best_epoch for name, fitted in self.fitted.items()}


def choose(
    trainer: Trainer, experiment: Experiment, fold: Fold, progress: Callable[[str], loop.Progress]
) -> Choice:
    """Train every candidate of an experiment in one fold and keep the one that the validation part prefers,
    the first among equals.

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
    best = max(choices, key=lambda choice: choice.score)
    fit_combination(best, fold, best.model)
    return replace(best, others=tuple(choices))


def _scored(trainer: Trainer, candidate: Experiment, fold: Fold, trained: Mapping[str, Trained]) -> Choice:
    whole = whole_part(candidate, fold.number)
    model = (
        trained[""][0]
        if "" in trained
        else trainer.assemble(whole, {name: network for name, (network, _) in trained.items()}, fold.train)
    )
    table = trainer.table(whole, model)
    validation = inputs.having(table, fold.validation, candidate.modalities)
    logits = inputs.logits_of(model, InputSource(model, table, validation), torch.from_numpy(validation))
    row = loop.validation_scores(logits, torch.from_numpy(table.y[validation]))
    by = candidate.training.select_by
    score = -row["validation_loss"] if by == "loss" else row[f"validation_{by}"]
    return Choice(
        candidate,
        model,
        table,
        {name: fitted for name, (_, fitted) in trained.items()},
        (score, -row["validation_loss"]),
    )


def refitted(trainer: Trainer, choice: Choice, fold: Fold) -> Choice:
    """The choice trained again on the training and the validation part together, each part for the epochs
    that were chosen for it; the weights of its combination stay those of the first training.
    """
    parts = parts_of(choice.experiment, fold.number)
    networks = {name: trainer.refit(part, fold, choice.best_epochs[name]) for name, part in parts.items()}
    model = (
        networks[""]
        if "" in networks
        else trainer.assemble(whole_part(choice.experiment, fold.number), networks, both_parts(fold))
    )
    fit_combination(choice, fold, model)
    return replace(choice, model=model)


def fit_combination(choice: Choice, fold: Fold, model: Network) -> None:
    """Fit what a network combines its unimodal predictions with to those of the chosen model on the
    validation part; `model` is that model or its successor.
    """
    if isinstance(model, FusionNetwork) and model.combines and len(fold.validation):
        unimodal = unimodal_logits(choice, fold.validation)
        model.fit_combination_to(unimodal, torch.from_numpy(choice.table.y[fold.validation]))


@torch.inference_mode()
def unimodal_logits(choice: Choice, rows: np.ndarray) -> dict[Modality, Tensor]:
    """{modality: (n, C) float32 on the processor}: raw logits of each alone, NaN where it is absent."""
    source = InputSource(choice.model, choice.table, rows)
    pieces = [
        choice.model.decide(source.take(torch.from_numpy(piece))).unimodal
        for piece in inputs.chunks(choice.table, rows)
    ]
    return {m: torch.cat([piece[m].float().cpu() for piece in pieces]) for m in choice.model.modalities}


def temperatures(choice: Choice, fold: Fold) -> dict[str, float]:
    """{subset: temperature} fitted on the validation part; 1 without one."""
    logits = _subset_logits(choice, fold.validation)
    return {
        subset: fit_temperature(values, choice.table.y[fold.validation]) for subset, values in logits.items()
    }


def predict(choice: Choice, fold: Fold) -> pd.DataFrame:
    """Rows for predictions.parquet of the test part: every subset of the modalities, before temperature
    scaling.
    """
    table, frames = choice.table, []
    for subset, logits in _subset_logits(choice, fold.test).items():
        rows = {
            "id": table.ids[fold.test],
            "fold": np.int16(fold.number),
            "subset": subset,
            "y_true": table.y[fold.test].astype(np.int16),
        }
        probabilities = np.exp(log_softmax(logits)).astype(np.float32)
        frames.append(
            pd.DataFrame(
                {**rows, **{f"p_{label}": probabilities[:, c] for c, label in enumerate(table.labels)}}
            )
        )
    return pd.concat(frames, ignore_index=True)


def _subset_logits(choice: Choice, rows: np.ndarray) -> dict[str, np.ndarray]:
    """{subset: (n, C) logits} of the utterances at `rows`."""
    wanted = list(subsets(choice.experiment.modalities))
    logits = inputs.logits_of(
        choice.model, InputSource(choice.model, choice.table, rows), torch.from_numpy(rows), wanted
    )
    return {subset_name(subset): values.numpy() for subset, values in zip(wanted, logits, strict=True)}


def history(choice: Choice, fold: int) -> pd.DataFrame:
    """Rows for history.parquet."""
    rows = [
        {"fold": np.int16(fold), "part": name, **row, "best": row["epoch"] == fitted.best_epoch}
        for name, fitted in choice.fitted.items()
        for row in fitted.history
    ]
    return pd.DataFrame(rows).astype({"epoch": np.int32})
