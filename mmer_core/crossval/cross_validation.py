"""Cross-validation: every utterance is predicted by a model that has not met its speaker, with every subset of the modalities.

Each fold's model is chosen on inner validation groups cut from its training part; its test part is only ever predicted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmer_core.crossval import fold_model, selection
from mmer_core.crossval.experiment import Experiment, Part, Study, parts_of
from mmer_core.crossval.selection import Choice, Trainer
from mmer_core.features.table import FeatureTable
from mmer_core.folds import Fold
from mmer_core.labels import subset_name
from mmer_core.runs.progress import RunProgress
from mmer_core.runs.summary import baselines, figure, summarise
from mmer_core.runs.writer import RunWriter, what_is_in
from mmer_core.training import loop

SELECTION = (
    "Epoch, settings and temperature of each fold were chosen on its inner validation part, cut from its training part; "
    "the test part was only predicted."
)


@dataclass(frozen=True)
class Run:
    """One experiment, where it is written, and the record it starts with (see `crossval.record`)."""

    experiment: Experiment
    folder: Path
    record: Mapping[str, Any]


@dataclass(frozen=True)
class _Open:
    """A run that is being trained."""

    experiment: Experiment
    writer: RunWriter
    progress: RunProgress


def check(study: Study, experiment: Experiment) -> None:
    """Build every model once, so that wrong settings are told before anything is trained or written.

    Raises:
        ValueError: settings that do not fit the corpus or each other.
    """
    candidates = experiment.candidates(study.seed)
    if len(candidates) > 1 and not all(len(fold.inner) for fold in study.folds):
        raise ValueError("a search chooses on the inner validation part and there is none: set --validation above 0")
    for candidate in candidates:
        loop.build(candidate.fusion, candidate.options, study.table.using(candidate.modalities), candidate.training, study.seed)


def crossvalidate(study: Study, runs: Sequence[Run], say: Callable[[str], None] = print) -> None:
    """Train and evaluate every unfinished fold of every run, and finish the runs.

    Parts that several runs share (a classifier of its own, and the same one in a late fusion) are trained once. Each run is written fold by
    fold: when the process ends early, calling this again goes on at the first unfinished fold and gives the same results.

    Args:
        study: corpus and folds.
        runs: what to train; finished ones are left as they are.
        say: takes one line for each finished fold.

    Raises:
        RunError: a folder holds something else, or another process trains there.
        TrainingError: a training went wrong; the run is marked as failed.
    """
    unfinished = [run for run in runs if what_is_in(run.folder, run.record) != "finished"]
    with ExitStack() as writers:
        opened = [_open(study, run, writers.enter_context(RunWriter(run.folder, run.record))) for run in unfinished]
        for run in opened:
            run.writer.write_folds(folds_table(study.table, study.folds))
        trainer = Trainer(study)
        if study.side_by_side:
            _train_side_by_side(trainer, opened)
        for fold in study.folds:
            for run in opened:
                if not run.writer.has_fold(fold.number):
                    _do_fold(trainer, run, fold, say)
            trainer.forget(fold.number)
        for run in opened:
            _finish(study, run)


def _open(study: Study, run: Run, writer: RunWriter) -> _Open:
    candidates = run.experiment.candidates(study.seed)
    parts = sum(len(parts_of(candidate, 0)) for candidate in candidates)
    done = sum(writer.has_fold(fold.number) for fold in study.folds)
    return _Open(run.experiment, writer, RunProgress(writer, len(study.folds), parts, max(c.training.epochs for c in candidates), done))


def folds_table(table: FeatureTable, folds: Sequence[Fold]) -> pd.DataFrame:
    """folds.parquet: id, group, fold, role."""
    frames = [
        pd.DataFrame({"id": table.ids[rows], "group": table.groups[rows], "fold": np.int16(fold.number), "role": role})
        for fold in folds
        for role, rows in fold.roles.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _train_side_by_side(trainer: Trainer, runs: Sequence[_Open]) -> None:
    """Train plain networks of the unfinished runs. All folds are trained, also those on disk: their company must not change the results."""
    study = trainer.study
    wanted: dict[Part, list[tuple[_Open, str]]] = {}
    for run in runs:
        if all(run.writer.has_fold(fold.number) for fold in study.folds):
            continue
        for fold in study.folds:
            for candidate in run.experiment.candidates(study.seed):
                for name, part in parts_of(candidate, fold.number).items():
                    wanted.setdefault(part, []).append((run, name))

    def progress(part: Part, row: Mapping[str, float]) -> None:
        for run, name in wanted[part]:
            run.progress.epoch(part.fold, name, row)

    trainer.train_side_by_side(wanted, progress)


def _do_fold(trainer: Trainer, run: _Open, fold: Fold, say: Callable[[str], None]) -> None:
    """Train, choose, predict and write one fold of one run."""
    started = time.perf_counter()
    choice = selection.choose(trainer, run.experiment, fold, lambda name: partial(run.progress.epoch, fold.number, name))
    temperatures = selection.temperatures(choice, fold)
    if choice.experiment.training.refit and len(fold.inner):
        choice = selection.refitted(trainer, choice, fold)
    predictions = selection.predict(choice, fold)
    record = {
        **fold_model.describe(choice.model, choice.table, choice.experiment.fusion),
        "fold": fold.number,
        "temperature": temperatures,
        "best_epoch": {name: fitted.best_epoch for name, fitted in choice.fitted.items()},
        "inner_score": figure(choice.score[0]),
        "training": choice.experiment.training.to_json(),
    }
    run.writer.write_fold(fold.number, choice.model.state_dict(), record, predictions, selection.history(choice, fold.number))
    run.progress.fold_written(fold.number)
    seconds = time.perf_counter() - started
    say(f"{run.writer.folder.name}: fold {fold.number + 1} of {len(trainer.study.folds)}: {_scores(choice, predictions)}, {seconds:.1f} s")


def _scores(choice: Choice, predictions: pd.DataFrame) -> str:
    """How a fold went, in a few words."""
    full = predictions[predictions["subset"] == subset_name(choice.experiment.modalities)]
    probabilities = full[[f"p_{label}" for label in choice.table.labels]].to_numpy()
    accuracy = float((probabilities.argmax(axis=1) == full["y_true"]).mean())
    inner = "" if math.isnan(choice.score[0]) else f", inner {choice.experiment.training.select_by} {choice.score[0]:.3f}"
    return f"accuracy {accuracy:.3f}{inner}, epoch {'/'.join(str(fitted.best_epoch) for fitted in choice.fitted.values())}"


def _finish(study: Study, run: _Open) -> None:
    """Pool the folds, compute the figures, and say that the run is finished."""
    records, predictions, history = zip(*(run.writer.read_fold(fold.number) for fold in study.folds), strict=True)
    pooled = pd.concat(predictions, ignore_index=True)
    temperatures = {s: [record["temperature"][s] for record in records] for s in records[0]["temperature"]}
    group_of = dict(zip(study.table.ids.tolist(), study.table.groups.tolist(), strict=True))
    results = {
        "metrics": summarise(pooled, temperatures, group_of, study.table.labels, study.seed),
        "baselines": baselines(study.table.y, study.folds, len(study.table.labels)),
        "temperatures": temperatures,
        "chosen": [{k: r[k] for k in ("fold", "best_epoch", "inner_score", "training", "fusion")} for r in records],
    }
    run.writer.finish(pooled, pd.concat(history, ignore_index=True), results)
