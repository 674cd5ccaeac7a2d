"""Five folds of three unimodal classifiers and early fusion, trained in three ways.

    python -m benchmarks.folds_together
    python -m benchmarks.folds_together --utterances 600 --epochs 3   # a quick look

Stacked: the networks of all folds together (`mmer_core.crossval.stacks`). One by one: the same networks in
the project's training loop. DataLoader: the same networks, settings and choice of epoch as most people would
write them, one fold after the other, with batches from a DataLoader. All train every epoch (no early stopping
unless --patience says so) with the default settings (dropout, label smoothing) but without the second
training on training and validation part. Features are synthetic, of the published sizes (BERT, VGGish,
ResNet-50).
"""

from __future__ import annotations

import argparse
import copy
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from mmer_core import metrics
from mmer_core.crossval.experiment import Experiment, Study, parts_of
from mmer_core.crossval.trainer import Trainer
from mmer_core.evaluation.folds import FoldPlan, make_folds
from mmer_core.features.table import FeatureTable, column_of
from mmer_core.fusion.early import EarlyOptions
from mmer_core.labels import Modality
from mmer_core.training.config import TrainingConfig
from mmer_core.training.inputs import InputSource, logits_of

DIMS = {Modality.TEXT: 768, Modality.AUDIO: 128, Modality.VISUAL: 2048}  # BERT, VGGish, ResNet-50
STRENGTH = {
    Modality.TEXT: 0.06,
    Modality.AUDIO: 0.12,
    Modality.VISUAL: 0.022,
}  # of the class in the features: accuracies come out as low as the published ones
LABELS = ("neutral", "anger", "joy", "sadness")
Answers = dict[str, np.ndarray]  # {method: (N,) predicted classes}


def synthetic(utterances: int, seed: int) -> FeatureTable:
    """Ten speakers, four classes, features that differ by speaker and a little by class."""
    rng = np.random.default_rng(seed)
    y, speaker = rng.integers(0, len(LABELS), utterances), rng.integers(0, 10, utterances)
    columns = {}
    for modality, dim in DIMS.items():
        centre, voice = rng.normal(size=(len(LABELS), dim)), rng.normal(size=(10, dim)) * 0.3
        features = STRENGTH[modality] * centre[y] + voice[speaker] + rng.normal(size=(utterances, dim))
        columns[modality] = column_of(features.astype(np.float32))
    ids = np.array([f"u{i}" for i in range(utterances)])
    return FeatureTable(columns, y, LABELS, ids, np.array([f"s{s}" for s in speaker]))


class Utterances(Dataset[tuple[torch.Tensor, int]]):
    """The features of some utterances, standardised and side by side, as a Dataset for a DataLoader."""

    def __init__(self, features: np.ndarray, y: np.ndarray) -> None:
        self.features, self.y = features, y

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return torch.from_numpy(self.features[index]), int(self.y[index])


def obvious_network(width: int, hidden: tuple[int, int]) -> nn.Sequential:
    """The network of early fusion or of one modality with its default options."""
    options = EarlyOptions()
    layers: list[nn.Module] = [nn.Dropout(options.input_dropout)]
    for before, after in pairwise((width, *hidden)):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(options.dropout)]
    return nn.Sequential(*layers, nn.Linear(hidden[-1], len(LABELS)))


def obvious(study: Study, config: TrainingConfig) -> Answers:
    """One fold after the other, with a DataLoader."""
    table = study.table
    methods = {str(m): [m] for m in DIMS} | {"early": list(DIMS)}
    answers = {name: np.zeros(len(table), dtype=np.int64) for name in methods}
    for fold in study.folds:
        for name, modalities in methods.items():
            x = np.concatenate([table.columns[m].frames for m in modalities], axis=1)
            x = (x - x[fold.train].mean(axis=0)) / x[fold.train].std(axis=0)
            torch.manual_seed(study.fold_seed(fold.number))
            model = obvious_network(x.shape[1], (256, 128) if name == "early" else (128, 64))
            train, validation, test = (
                Utterances(x[rows], table.y[rows]) for rows in (fold.train, fold.validation, fold.test)
            )
            answers[name][fold.test] = fit_obviously(model, train, validation, config).predict(test)
    return answers | {"late": vote(answers)}


class ObviousModel:
    """A trained network and how it predicts."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    @torch.no_grad()
    def predict(self, data: Utterances) -> np.ndarray:
        self.model.eval()
        return np.concatenate([self.model(x).argmax(1).numpy() for x, _ in DataLoader(data, batch_size=32)])


def fit_obviously(
    model: nn.Module, train: Utterances, validation: Utterances, config: TrainingConfig
) -> ObviousModel:
    optimizer = torch.optim.Adam(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=config.label_smoothing)
    loader = DataLoader(train, batch_size=config.batch_size, shuffle=True)
    best, best_state, since = -1.0, copy.deepcopy(model.state_dict()), 0
    for _ in range(config.epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
        score = float((ObviousModel(model).predict(validation) == validation.y).mean())
        since += 1
        if score > best:
            best, best_state, since = score, copy.deepcopy(model.state_dict()), 0
        if config.patience and since >= config.patience:
            break
    model.load_state_dict(best_state)
    return ObviousModel(model)


def ours(study: Study, config: TrainingConfig, *, stacked: bool) -> Answers:
    """With this project: all folds together, or one network after the other."""
    table, trainer = study.table, Trainer(study)
    experiments = {str(m): Experiment("unimodal", (m,), training=config) for m in DIMS} | {
        "early": Experiment("early", tuple(DIMS), training=config)
    }
    parts = {
        (name, fold.number): parts_of(experiment, fold.number)[""]
        for name, experiment in experiments.items()
        for fold in study.folds
    }
    if stacked:
        trainer.train_side_by_side(parts.values(), lambda part, row: None)
    answers = {name: np.zeros(len(table), dtype=np.int64) for name in experiments}
    for (name, number), part in parts.items():
        fold = study.folds[number]
        network = trainer.train(part, fold)[0]
        source = InputSource(network, table.using(part.modalities), fold.test)
        logits = logits_of(network, source, torch.from_numpy(fold.test))
        answers[name][fold.test] = logits.argmax(1).numpy()
    return answers | {"late": vote(answers)}


def vote(answers: Answers) -> np.ndarray:
    """Majority of the three unimodal answers; a tie goes to the lowest class index."""
    votes = np.stack([answers[str(m)] for m in DIMS])
    return np.stack([(votes == c).sum(axis=0) for c in range(len(LABELS))]).argmax(axis=0)


def arithmetic(study: Study, config: TrainingConfig) -> float:
    """Seconds that an epoch of all networks takes at least: matrix products of the layers and steps of the
    optimizer, nothing else, on all cores, from 100 steps of each network in memory that stays.
    """
    steps = sum(-(-len(fold.train) // config.batch_size) for fold in study.folds)
    total = sum(DIMS.values())
    every = [(dim, 128, 64, len(LABELS)) for dim in DIMS.values()] + [(total, 256, 128, len(LABELS))]
    return steps * sum(seconds_of_step(widths, config) for widths in every)


@torch.no_grad()
def seconds_of_step(widths: tuple[int, ...], config: TrainingConfig, repeat: int = 100) -> float:
    """The products and the optimizer of one step of one network, the fastest of five rounds."""
    weights = [nn.Parameter(torch.randn(after, before) / 50) for before, after in pairwise(widths)]
    values = [torch.randn(config.batch_size, width) for width in widths]
    for weight in weights:
        weight.grad = torch.zeros_like(weight)
    optimizer = torch.optim.Adam(weights, lr=1e-9, fused=True)
    rounds = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(repeat):
            for before, weight, after in zip(values, weights, values[1:], strict=False):
                torch.mm(before, weight.T)
                torch.mm(after.T, before, out=weight.grad)
                if before is not values[0]:
                    torch.mm(after, weight)
            optimizer.step()
        rounds.append((time.perf_counter() - started) / repeat)
    return min(rounds)


class Timed(NamedTuple):
    """How long it took, by the clock and by the processor, and what came out."""

    seconds: float
    processor: float
    answers: Answers


def timed(what: Callable[[Study, TrainingConfig], Answers], study: Study, config: TrainingConfig) -> Timed:
    started, used = time.perf_counter(), time.process_time()
    answers = what(study, config)
    return Timed(time.perf_counter() - started, time.process_time() - used, answers)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--utterances", type=int, default=5531)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument(
        "--patience", type=int, default=0, help="early stopping, in all; 0 for none (default)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only-ours", action="store_true", help="leave out the DataLoader")
    args = parser.parse_args()
    table = synthetic(args.utterances, args.seed)
    plan = FoldPlan(folds=args.folds, seed=args.seed)
    study = Study(table, make_folds(plan, y=table.y, groups=table.groups, labels=table.labels), args.seed)
    config = TrainingConfig(epochs=args.epochs, patience=args.patience, refit=False)
    ways: dict[str, Callable[[Study, TrainingConfig], Answers]] = {
        "stacked": partial(ours, stacked=True),
        "one by one": partial(ours, stacked=False),
    }
    if not args.only_ours:
        ways["DataLoader"] = obvious
    rows = {name: timed(way, study, config) for name, way in ways.items()}
    floor = arithmetic(study, config)
    print(
        f"{len(table)} utterances, {args.folds} folds, {args.epochs} epochs, "
        f"{torch.get_num_threads()} threads; micro-F1 in %"
    )
    print(
        f"{'':<18}{'seconds':>9}{'faster':>8}{'processor':>11}"
        + "".join(f"{name:>8}" for name in rows["stacked"].answers)
    )
    slowest = max(row.seconds for row in rows.values())
    for name, row in rows.items():
        scores = [
            metrics.scores(metrics.confusion_matrix(table.y, predicted, len(LABELS)))["accuracy"]
            for predicted in row.answers.values()
        ]
        figures = f"{row.seconds:>9.1f}{slowest / row.seconds:>7.1f}x{row.processor:>11.1f}"
        print(f"{name:<18}{figures}" + "".join(f"{100 * score:>8.1f}" for score in scores))
    print(f"matrix products and optimizer alone: {floor:.2f} s an epoch, {args.epochs * floor:.1f} s in all")


if __name__ == "__main__":
    main()
