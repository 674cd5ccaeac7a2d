"""How long each registered fusion network takes to cross-validate, beside early fusion.

    python -m benchmarks.fusion_training
    python -m benchmarks.fusion_training --utterances 1000 --epochs 3 --networks early crossmodal
    python -m benchmarks.fusion_training --one-by-one    # every network by itself in the training loop

Drawn vectors of words and voice (768 numbers each), four classes, ten speakers, five folds, the default
settings. Timed is all that trains and predicts: every fold, its second training on training and validation
part, its answers with every subset of the modalities, and the final model. Unimodal stands for one network
for each modality. As networks stop at their own best epochs, `epochs` counts all that were trained, of all
folds together, and the last column compares the time of one epoch.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np
import torch

from mmer_core import fusion
from mmer_core.crossval import final_model, selection
from mmer_core.crossval.experiment import Experiment, Study, parts_of
from mmer_core.crossval.trainer import Trainer
from mmer_core.evaluation.folds import Fold, FoldPlan, make_folds
from mmer_core.features.table import FeatureTable, column_of
from mmer_core.labels import Modality, subset_name
from mmer_core.training.config import TrainingConfig

LABELS = ("neutral", "anger", "joy", "sadness")
MODALITIES = (Modality.TEXT, Modality.AUDIO)
STRENGTH = {Modality.TEXT: 0.06, Modality.AUDIO: 0.05}  # of the class in the features: about 70 % right
SPEAKERS = 10
YARDSTICK = "early"


@dataclass(frozen=True)
class Timed:
    """What one network took, by the clock and by the processor; epochs over all folds; accuracy."""

    seconds: float
    processor: float
    epochs: int
    accuracy: float

    @property
    def each(self) -> float:
        """Milliseconds of the processor for one epoch of one fold."""
        return 1000 * self.processor / self.epochs


def synthetic(utterances: int, dim: int, seed: int) -> FeatureTable:
    """Single vectors that differ by speaker and a little by class."""
    rng = np.random.default_rng(seed)
    y, speaker = rng.integers(0, len(LABELS), utterances), rng.integers(0, SPEAKERS, utterances)
    columns = {}
    for modality in MODALITIES:
        centre, own = rng.normal(size=(len(LABELS), dim)), 0.3 * rng.normal(size=(SPEAKERS, dim))
        x = STRENGTH[modality] * centre[y] + own[speaker] + rng.normal(size=(utterances, dim))
        columns[modality] = column_of(x.astype(np.float32))
    ids = np.array([f"u{i}" for i in range(utterances)])
    return FeatureTable(columns, y, LABELS, ids, np.array([f"s{s}" for s in speaker]))


def experiments(name: str, config: TrainingConfig) -> list[Experiment]:
    """What stands for one network: itself, or one network for each modality."""
    if name == "unimodal":
        return [Experiment(name, (modality,), training=config) for modality in MODALITIES]
    return [Experiment(name, MODALITIES, training=config)]


def cross_validated(study: Study, name: str, config: TrainingConfig) -> Timed:
    """Train, choose, train again and predict every fold, and fit the final model."""
    started, used, epochs = time.perf_counter(), time.process_time(), 0
    trainer, right = Trainer(study), []
    for experiment in experiments(name, config):
        parts = [part for fold in study.folds for part in parts_of(experiment, fold.number).values()]
        if study.side_by_side:
            trainer.train_side_by_side(parts, lambda part, row: None)
            trainer.refit_side_by_side(parts if config.refit else ())
        found = []
        for fold in study.folds:
            choice, predicted = one_fold(trainer, experiment, fold)
            epochs += sum(len(fitted.history) for fitted in choice.fitted.values())
            epochs += sum(choice.best_epochs.values()) * config.refit
            found.append(choice.best_epochs)
            right.append(predicted == study.table.y[fold.test])
        longest = {part: max(1, round(float(np.median([e[part] for e in found])))) for part in found[0]}
        final_model.fit_network(trainer, experiment, longest)
        epochs += sum(longest.values())
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    return Timed(seconds, processor, epochs, float(np.concatenate(right).mean()))


def one_fold(trainer: Trainer, experiment: Experiment, fold: Fold) -> tuple[selection.Choice, np.ndarray]:
    """The network of one fold, and its (n,) classes of the test part."""
    choice = selection.choose(trainer, experiment, fold, lambda part: lambda row: None)
    selection.temperatures(choice, fold)
    if experiment.training.refit:
        choice = selection.refitted(trainer, choice, fold)
    rows = selection.predict(choice, fold)
    rows = rows[rows["subset"] == subset_name(experiment.modalities)]
    return choice, rows[[f"p_{label}" for label in LABELS]].to_numpy().argmax(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", nargs="+", default=list(fusion.names()), choices=fusion.names())
    parser.add_argument("--utterances", type=int, default=5531)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=TrainingConfig.epochs)
    parser.add_argument("--patience", type=int, default=TrainingConfig.patience, help="0 trains all epochs")
    parser.add_argument("--once", action="store_true", help="leave out the second training")
    parser.add_argument("--one-by-one", action="store_true", help="do not train folds together")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    table = synthetic(args.utterances, args.dim, args.seed)
    plan = FoldPlan(folds=args.folds, seed=args.seed)
    folds = make_folds(plan, y=table.y, groups=table.groups, labels=table.labels)
    study = Study(table, folds, args.seed, side_by_side=not args.one_by_one, device=args.device)
    config = TrainingConfig(epochs=args.epochs, patience=args.patience, refit=not args.once)
    print(
        f"{len(table)} utterances of {len(MODALITIES)} x {args.dim} numbers, {args.folds} folds, at most "
        f"{args.epochs} epochs, {'one by one' if args.one_by_one else 'folds together'}, {args.device}, "
        f"{torch.get_num_threads()} threads"
    )
    print(
        f"{'':<15}{'seconds':>9}{'processor':>11}{'ratio':>7}{'epochs':>8}{'ms/epoch':>10}"
        f"{'ratio':>7}{'accuracy':>10}"
    )
    early: Timed | None = None
    for name in sorted(args.networks, key=lambda name: name != YARDSTICK):
        row = cross_validated(study, name, config)
        early = early or row
        print(
            f"{name:<15}{row.seconds:>9.1f}{row.processor:>11.1f}{row.processor / early.processor:>7.2f}"
            f"{row.epochs:>8}{row.each:>10.0f}{row.each / early.each:>7.2f}{100 * row.accuracy:>10.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
