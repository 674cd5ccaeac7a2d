"""How well can modalities be fused that were never seen together? Measured where real pairs exist.

    python -m mmer_core.default_model.pairing --manifest ravdess:DIR --encoders audio=voice_frames,visual=given --folds folds.json --store DIR

The shipped model has no clips with words, voice and face of the same person to learn from. Here a corpus with real pairs is taken apart: in each
fold, utterances of the training speakers are paired anew with others of the same class ("unpaired"), fusion models are trained on such draws
with modality dropout, and tested on real pairs of unseen speakers, beside the same models trained on real pairs, and beside a product of
calibrated experts, which needs no pairs. The product is the reference of the paired tests.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from mmer_core import metrics, statistics
from mmer_core.calibration import fit_temperature, log_softmax
from mmer_core.crossval.experiment import Experiment, Study
from mmer_core.crossval.selection import Choice, Trainer, choose, refitted
from mmer_core.default_model.fusing import HeldOut, fit_product
from mmer_core.features.table import FeatureTable
from mmer_core.folds import Fold
from mmer_core.fusion.product import ProductOfExperts
from mmer_core.labels import Modality
from mmer_core.training.config import TrainingConfig
from mmer_core.training.evidence import EvidenceSource, logits_of

VIEWS = 4  # sets of draws; each training step takes one of them
REFERENCE = "product of calibrated experts"
_S0 = TrainingConfig(select_by="loss", refit=True)
#: Settings of the learned fusion models: S0's published ones, and those of the shipped cross-modal run.
LEARNED: dict[str, TrainingConfig] = {
    "late_weighted": _S0,
    "early": replace(_S0, modality_dropout=0.2),
    "crossmodal": TrainingConfig(
        optimizer="adamw",
        learning_rate=3e-4,
        weight_decay=0.01,
        epochs=40,
        patience=12,
        select_by="loss",
        refit=True,
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
    """The table with every modality but the first drawn from another utterance of the same class, within each of `parts`; the rest as it is.

    An utterance of one part never lends to another, so that training, inner and test speakers stay apart.
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


def fold_logits(study: Study, fold: Fold) -> Logits:
    """Every method in one fold. Temperatures, weights and epochs come from the inner part."""
    trainer = Trainer(study)
    opinions = {m: _answers(trainer, Experiment("unimodal", (m,), training=_S0), fold) for m in study.table.modalities}
    found = {f"{m} alone": _calibrated(inner, test, study.table.y[fold.inner]) for m, (inner, test) in opinions.items()}
    found[REFERENCE] = product_logits(study.table, fold, opinions, study.seed)
    found["mean of the experts' probabilities"] = np.log(np.mean([np.exp(log_softmax(found[f"{m} alone"])) for m in opinions], axis=0))
    draws = [paired_anew(study.table, [fold.train, fold.inner], study.seed * 100 + 10 * fold.number + i) for i in range(VIEWS)]
    for how, own in (("unpaired draws", replace(study, table=draws[0], views=tuple(draws[1:]))), ("real pairs", study)):
        learner = Trainer(own)
        for name, config in LEARNED.items():
            inner, test = _answers(learner, Experiment(name, study.table.modalities, training=config), fold)
            found[f"{name}, {how}"] = _calibrated(inner, test, study.table.y[fold.inner])
    return found


def product_logits(table: FeatureTable, fold: Fold, opinions: Mapping[Modality, tuple[np.ndarray, np.ndarray]], seed: int) -> np.ndarray:
    """(n, C) logits of the test part from the product, fitted as the shipped model is: on label-matched draws, here of the inner part."""
    classes = len(table.labels)
    model = ProductOfExperts({m: nn.Identity() for m in opinions}, classes)
    prior = np.bincount(table.y[fold.train], minlength=classes) / len(fold.train)
    groups = table.groups[fold.inner].astype(str)
    held_out = {m: HeldOut(inner.astype(np.float32), table.y[fold.inner], groups) for m, (inner, _) in opinions.items()}
    fit_product(model, held_out, dict.fromkeys(opinions, prior), seed)
    with torch.inference_mode():
        given = {m: torch.from_numpy(test).float() for m, (_, test) in opinions.items()}
        return model.combine(given, torch.ones(len(fold.test), len(opinions), dtype=torch.bool))[0].numpy()


def _answers(trainer: Trainer, experiment: Experiment, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    """Logits of the inner part, by a model that was not trained on it, and of the test part, by one that was trained on both."""
    choice = choose(trainer, experiment, fold, lambda part: lambda row: None)
    return _logits(choice, fold.inner), _logits(refitted(trainer, choice, fold), fold.test)


def _logits(choice: Choice, rows: np.ndarray) -> np.ndarray:
    return logits_of(choice.model, EvidenceSource(choice.model, choice.table, rows), torch.from_numpy(rows)).numpy()


def _calibrated(inner: np.ndarray, test: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return test / fit_temperature(inner, truth)


def score(table: FeatureTable, folds: Sequence[Fold], logits: Sequence[Logits]) -> list[Scored]:
    """All methods over all folds, in the order they were made."""
    rows = np.concatenate([fold.test for fold in folds])
    truth, groups, classes = table.y[rows], table.groups[rows].astype(str), len(table.labels)
    pooled = {method: np.exp(log_softmax(np.concatenate([found[method] for found in logits]))) for method in logits[0]}
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


def report(scored: Sequence[Scored]) -> str:
    """The table as Markdown, in per cent; p-values of the differences corrected after Holm."""
    corrected = dict(zip((s.method for s in scored if s.method != REFERENCE), _holm(scored), strict=True))
    lines = ["| method | accuracy | UA | ECE | against the product | p |", "| --- | --- | --- | --- | --- | --- |"]
    for s in scored:
        d = s.against_product.difference
        against = "" if s.method == REFERENCE else f"{100 * d.value:+.1f} [{100 * d.low:.1f}, {100 * d.high:.1f}]"
        p = "" if s.method == REFERENCE else f"{corrected[s.method]:.3f}"
        interval = f"{100 * s.accuracy.value:.1f} [{100 * s.accuracy.low:.1f}, {100 * s.accuracy.high:.1f}]"
        lines.append(f"| {s.method} | {interval} | {100 * s.ua:.1f} | {s.ece:.3f} | {against} | {p} |")
    return "\n".join(lines)


def _holm(scored: Sequence[Scored]) -> list[float]:
    return statistics.holm([s.against_product.p_bootstrap for s in scored if s.method != REFERENCE])


def compare_pairings(study: Study) -> list[Scored]:
    """Every method on every fold of a study; one line is printed for each fold that is done."""
    found = []
    for fold in study.folds:
        found.append(fold_logits(study, fold))
        right = {m: float((z.argmax(1) == study.table.y[fold.test]).mean()) for m, z in found[-1].items()}
        print(f"fold {fold.number}: " + ", ".join(f"{m} {100 * v:.1f}" for m, v in right.items()), flush=True)
    return score(study.table, study.folds, found)


def main(argv: Sequence[str] | None = None) -> None:
    """The command line of this comparison; corpus, features and folds are given as to `train`."""
    from mmer_core import corpora
    from mmer_core.commands import train
    from mmer_core.commands.train_request import fold_plan, make_study

    parser = argparse.ArgumentParser(description="Compare ways to fuse modalities that were never seen together.", allow_abbrev=False)
    train.add_arguments(parser)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    args = parser.parse_args(argv)
    manifest = corpora.read(args.manifest, **corpora.parse_options(args.manifest, args.corpus_option))
    scored = compare_pairings(make_study(args, manifest, fold_plan(args)))
    print(report(scored))
    if args.json:
        args.json.write_text(json.dumps([_to_json(s) for s in scored], indent=2) + "\n", encoding="utf-8")


def _to_json(s: Scored) -> dict[str, Any]:
    d = s.against_product.difference
    figures = {"accuracy": [s.accuracy.value, s.accuracy.low, s.accuracy.high], "ua": s.ua, "ece": s.ece}
    return {"method": s.method, **figures, "against_product": [d.value, d.low, d.high], "p_bootstrap": s.against_product.p_bootstrap}


if __name__ == "__main__":
    main()
