"""Fusion of modalities that were never seen together: the methods of the pairing study.

The shipped model has no clips with words, voice and face of the same person to learn from. Here a corpus with
real pairs is taken apart: in each fold, utterances of the training speakers are paired anew with others of
the same class ("unpaired"), fusion networks are trained on such draws with modality dropout, and tested on
real pairs of unseen speakers, beside the same networks trained on real pairs, and beside a product of
calibrated experts, which needs no pairs. The product is the reference of the paired tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from mmer_core import metrics
from mmer_core.crossval.experiment import Experiment, Study
from mmer_core.crossval.selection import Choice, choose, refitted
from mmer_core.crossval.trainer import Trainer
from mmer_core.evaluation import statistics
from mmer_core.evaluation.folds import Fold
from mmer_core.features.table import FeatureTable
from mmer_core.fusion.product import ProductOfExperts
from mmer_core.labels import Modality
from mmer_core.training.config import PRESETS, TrainingConfig
from mmer_core.training.inputs import InputSource, logits_of
from mmer_core.uncertainty.calibration import fit_temperature, log_softmax
from recipes.bundle.held_out import HeldOut
from recipes.bundle.product import DRAWS, FittedProduct
from recipes.left_out import LeftOut

VIEWS = 4  # sets of draws; each training step takes one of them
REFERENCE = "product of calibrated experts"
_PUBLISHED = PRESETS["early_late"]
_PLAIN = _PUBLISHED.config(select_by="loss", refit=True)
#: Settings of the learned fusion networks: the published ones of early and late fusion, and those of the
#: shipped cross-modal run.
LEARNED: dict[str, TrainingConfig] = {
    "late_weighted": _PLAIN,
    "early": replace(_PLAIN, modality_dropout=0.2),
    "crossmodal": replace(
        _PLAIN,
        optimizer="adamw",
        learning_rate=3e-4,
        weight_decay=0.01,
        epochs=40,
        patience=12,
        label_smoothing=0.1,
        modality_dropout=0.2,
    ),
}
Logits = dict[str, np.ndarray]  # {method: (n, C) calibrated logits of a fold's test part}


@dataclass(frozen=True)
class Scored:
    """One method, out of fold on real pairs: figures in [0, 1] and its paired test against the product."""

    method: str
    accuracy: statistics.Interval
    ua: float
    ece: float
    against_product: statistics.PairedTest


def paired_anew(table: FeatureTable, parts: Sequence[np.ndarray], seed: int) -> FeatureTable:
    """The table with every modality but the first drawn from another utterance of the same class, within each
    of `parts`; the rest as it is.

    An utterance of one part never lends to another, so that training, validation and test speakers stay
    apart.
    """
    rng = np.random.default_rng(seed)
    columns = dict(table.columns)
    for modality in table.modalities[1:]:
        lender = np.arange(len(table))
        for part in parts:
            for c in np.unique(table.y[part]):
                members = part[table.y[part] == c]
                lender[members] = rng.permutation(members)
        columns[modality] = table.columns[modality].take(lender)
    return replace(table, columns=columns)


def fold_logits(study: Study, fold: Fold, draws: int = DRAWS) -> Logits:
    """Logits of every method in one fold. Temperatures, weights and epochs come from the validation part."""
    trainer, truth = Trainer(study), study.table.y[fold.validation]
    unimodal = {m: _held_out_logits(trainer, "unimodal", (m,), _PLAIN, fold) for m in study.table.modalities}
    found = {f"{m} alone": _calibrated(validation, test, truth) for m, (validation, test) in unimodal.items()}
    found[REFERENCE] = product_logits(study, fold, unimodal, draws)
    found["mean of the experts' probabilities"] = np.log(
        np.mean([np.exp(log_softmax(found[f"{m} alone"])) for m in unimodal], axis=0)
    )
    learned_on = [fold.train, fold.validation]
    tables = [
        paired_anew(study.table, learned_on, study.seed * 100 + 10 * fold.number + i) for i in range(VIEWS)
    ]
    unpaired = replace(study, table=tables[0], views=tuple(tables[1:]))
    for pairs, own in (("unpaired draws", unpaired), ("real pairs", study)):
        learner = Trainer(own)
        for name, config in LEARNED.items():
            validation, test = _held_out_logits(learner, name, study.table.modalities, config, fold)
            found[f"{name}, {pairs}"] = _calibrated(validation, test, truth)
    return found


def product_logits(
    study: Study,
    fold: Fold,
    unimodal: Mapping[Modality, tuple[np.ndarray, np.ndarray]],
    draws: int = DRAWS,
) -> np.ndarray:
    """(n, C) log probabilities of the test part by the product, fitted as the shipped model is: on
    label-matched draws, here of the validation part.

    Args:
        study: corpus and seed.
        fold: where.
        unimodal: {modality: logits of the validation part and of the test part}.
        draws: see `FittedProduct`.
    """
    table, classes = study.table, len(study.table.labels)
    prior = np.bincount(table.y[fold.train], minlength=classes) / len(fold.train)
    groups, truth = table.groups[fold.validation].astype(str), table.y[fold.validation]
    parts = {m: LeftOut(v.astype(np.float32), truth, groups) for m, (v, _) in unimodal.items()}
    held_out = {m: HeldOut({"validation": part}, {}) for m, part in parts.items()}
    product = FittedProduct(ProductOfExperts(table.dims, classes), study.seed, draws)
    product.fit(held_out, dict.fromkeys(unimodal, prior))
    test = {m: torch.from_numpy(z).float() for m, (_, z) in unimodal.items()}
    return product.log_probabilities(test, tuple(unimodal))


def _held_out_logits(
    trainer: Trainer, fusion: str, modalities: tuple[Modality, ...], config: TrainingConfig, fold: Fold
) -> tuple[np.ndarray, np.ndarray]:
    """Logits of the validation part, by a network that was not trained on it, and of the test part, by one
    that was trained on both.
    """
    experiment = Experiment(fusion, modalities, _PUBLISHED.options.get(fusion, {}), config)
    choice = choose(trainer, experiment, fold, lambda part: lambda row: None)
    return _logits(choice, fold.validation), _logits(refitted(trainer, choice, fold), fold.test)


def _logits(choice: Choice, rows: np.ndarray) -> np.ndarray:
    source = InputSource(choice.model, choice.table, rows)
    return logits_of(choice.model, source, torch.from_numpy(rows)).numpy()


def _calibrated(validation: np.ndarray, test: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return test / fit_temperature(validation, truth)


def score(table: FeatureTable, folds: Sequence[Fold], logits: Sequence[Logits]) -> list[Scored]:
    """All methods over all folds, in the order of their training."""
    rows = np.concatenate([fold.test for fold in folds])
    truth, groups, classes = table.y[rows], table.groups[rows].astype(str), len(table.labels)
    pooled = {
        method: np.exp(log_softmax(np.concatenate([found[method] for found in logits])))
        for method in logits[0]
    }
    reference = pooled[REFERENCE].argmax(1)
    return [
        Scored(
            method,
            statistics.intervals(truth, p.argmax(1), groups, classes)["accuracy"],
            metrics.score_predictions(truth, p)["ua"],
            metrics.expected_calibration_error(p, truth),
            statistics.paired(truth, reference, p.argmax(1), groups, classes),
        )
        for method, p in pooled.items()
    ]


def compare_pairings(study: Study, draws: int = DRAWS) -> list[Scored]:
    """Every method on every fold of a study; one line is printed for each finished fold."""
    found = []
    for fold in study.folds:
        found.append(fold_logits(study, fold, draws))
        right = {m: float((z.argmax(1) == study.table.y[fold.test]).mean()) for m, z in found[-1].items()}
        print(f"fold {fold.number}: " + ", ".join(f"{m} {100 * v:.1f}" for m, v in right.items()), flush=True)
    return score(study.table, study.folds, found)
