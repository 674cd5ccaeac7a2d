"""The loop over the folds: train, choose, predict and write each, then finish the runs."""

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

from mmer_core.backends import LOCAL
from mmer_core.crossval import final_model, selection
from mmer_core.crossval.baseline import LinearBaselines, compare_with
from mmer_core.crossval.card import card_of
from mmer_core.crossval.distributed import TrainingProcesses
from mmer_core.crossval.estimate import worthwhile_processes
from mmer_core.crossval.experiment import Experiment, Part, Study, options_of
from mmer_core.crossval.final_model import OutOfFold
from mmer_core.crossval.open_run import OpenRun, is_refitted, wanted_parts
from mmer_core.crossval.selection import Choice
from mmer_core.crossval.trainer import Trainer
from mmer_core.evaluation.folds import Fold
from mmer_core.features.table import FeatureTable
from mmer_core.labels import subset_name
from mmer_core.runs.run import BASELINE, HISTORY, PREDICTIONS
from mmer_core.runs.summary import baselines, figure, summarise
from mmer_core.runs.writer import RunWriter, what_is_in
from mmer_core.training import loop

Say = Callable[[str], None]
UNIMODAL = "unimodal.parquet"  # of a fold: logits that a combination is fitted to


@dataclass(frozen=True)
class Run:
    """One experiment, where it is written, and the record it starts with (see `crossval.record`)."""

    experiment: Experiment
    folder: Path
    record: Mapping[str, Any]


def check(study: Study, experiment: Experiment) -> None:
    """Build every network once, so that wrong settings are refused before anything is trained or written.

    Raises:
        ValueError: settings that do not fit the corpus or each other.
    """
    candidates = experiment.candidates(study.seed)
    if len(candidates) > 1 and not all(len(fold.validation) for fold in study.folds):
        raise ValueError(
            "a search chooses on the validation part and there is none: set --validation above 0"
        )
    for candidate in candidates:
        loop.build(
            candidate.fusion,
            candidate.options,
            study.table.using(candidate.modalities),
            candidate.training,
            study.seed,
        )


def train_runs(
    study: Study,
    runs: Sequence[Run],
    say: Say = print,
    *,
    jobs: int = 1,
    where: str = LOCAL,
) -> None:
    """Train and evaluate every unfinished fold of every run, fit its final model, and finish the runs.

    Parts that several runs share (a unimodal classifier, and the same one in a late fusion) are trained once.
    Each run is written fold by fold: when the process ends early, calling this again goes on at the first
    unfinished fold and gives the same results.

    Args:
        study: corpus and folds.
        runs: what to train; finished ones are left as they are.
        say: takes one line for each finished fold.
        jobs: processes that train parts side by side; 1 of this machine: none but this one; 0: as many as are
            worth it for what is left (see `estimate.worthwhile_processes`).
        where: name of the backend that they are of.

    Raises:
        BackendUnavailable: the backend cannot be used.
        RunError: a folder holds something else, or another process trains there.
        TrainingError: a training went wrong; the run is marked as failed.
    """
    unfinished = [run for run in runs if what_is_in(run.folder, run.record) != "finished"]
    with ExitStack() as stack:
        opened = [
            OpenRun.of(study, run.experiment, stack.enter_context(RunWriter(run.folder, run.record)))
            for run in unfinished
        ]
        for run in opened:
            run.writer.write_folds(folds_table(study.table, study.folds))
        trainer = Trainer(study)
        _begin_elsewhere(trainer, opened, stack, say, jobs=jobs, where=where)
        if study.side_by_side:
            _train_side_by_side(trainer, opened)
        for fold in study.folds:
            for run in opened:
                if not run.writer.has_fold(fold.number):
                    _do_fold(trainer, run, fold, say)
            trainer.forget(fold.number)
        linear = LinearBaselines(study.table, study.folds, study.seed)
        for run in opened:
            _finish(trainer, linear, run, say)


def folds_table(table: FeatureTable, folds: Sequence[Fold]) -> pd.DataFrame:
    """folds.parquet: id, group, fold, role."""
    frames = [
        pd.DataFrame(
            {"id": table.ids[rows], "group": table.groups[rows], "fold": np.int16(fold.number), "role": role}
        )
        for fold in folds
        for role, rows in fold.roles.items()
    ]
    return pd.concat(frames, ignore_index=True)


def _train_side_by_side(trainer: Trainer, runs: Sequence[OpenRun]) -> None:
    """Train plain networks of the unfinished runs. All folds are trained, also those on disk: which others
    are trained beside it must not change a network.
    """
    wanted = wanted_parts(trainer.study, runs, written=True)

    def progress(part: Part, row: Mapping[str, float]) -> None:
        for run, name in wanted[part]:
            run.progress.epoch(part.fold, name, row)

    trainer.train_side_by_side(wanted, progress)
    trainer.refit_side_by_side(part for part in wanted if is_refitted(trainer.study, wanted, part))


def _begin_elsewhere(
    trainer: Trainer, runs: Sequence[OpenRun], stack: ExitStack, say: Say, *, jobs: int, where: str
) -> None:
    """Hand out the parts of unwritten folds to processes, less those that are trained side by side."""
    study = trainer.study
    wanted = wanted_parts(study, runs, written=False)
    parts = trainer.left_to_the_loop(wanted)
    if jobs == 0:
        jobs = worthwhile_processes(study, parts)
        if jobs > 1:
            say(f"{jobs} processes train side by side (--jobs 1: none but this one)")
    if jobs == 1 and where == LOCAL:
        return

    def progress(part: Part, row: Mapping[str, float]) -> None:
        for run, name in wanted[part]:
            if len(run.experiment.candidates(study.seed)) == 1:  # the curves of several would be mixed up
                run.progress.epoch(part.fold, name, row)

    processes = stack.enter_context(TrainingProcesses(trainer, jobs, where, progress))
    processes.submit(parts, lambda part: is_refitted(study, wanted, part))


def _do_fold(trainer: Trainer, run: OpenRun, fold: Fold, say: Say) -> None:
    """Train, choose, predict and write one fold of one run."""
    started = time.perf_counter()
    choice = selection.choose(
        trainer, run.experiment, fold, lambda name: partial(run.progress.epoch, fold.number, name)
    )
    temperatures = selection.temperatures(choice, fold)
    if choice.experiment.training.refit and len(fold.validation):
        choice = selection.refitted(trainer, choice, fold)
    tables = {PREDICTIONS: selection.predict(choice, fold), HISTORY: selection.history(choice, fold.number)}
    unimodal = final_model.unimodal_table(choice, fold.test)
    if unimodal is not None:
        tables[UNIMODAL] = unimodal
    run.writer.write_fold(fold.number, _fold_record(choice, fold, temperatures), tables)
    run.progress.fold_written(fold.number)
    seconds = time.perf_counter() - started
    say(
        f"{run.writer.folder.name}: fold {fold.number + 1} of {len(trainer.study.folds)}: "
        f"{_scores(choice, tables[PREDICTIONS])}, {seconds:.1f} s"
    )


def _fold_record(choice: Choice, fold: Fold, temperatures: Mapping[str, float]) -> dict[str, Any]:
    """fold.json."""
    return {
        "fold": fold.number,
        "fusion": {"name": choice.experiment.fusion, "options": options_of(choice.experiment)},
        "training": choice.experiment.training.to_json(),
        "temperature": dict(temperatures),
        "best_epoch": choice.best_epochs,
        "validation_score": figure(choice.score[0]),
        "candidates": [
            {"score": [figure(value) for value in other.score], "best_epoch": other.best_epochs}
            for other in choice.others
        ],
    }


def _scores(choice: Choice, predictions: pd.DataFrame) -> str:
    """The figures of a fold as a phrase for the terminal."""
    full = predictions[predictions["subset"] == subset_name(choice.experiment.modalities)]
    probabilities = full[[f"p_{label}" for label in choice.table.labels]].to_numpy()
    accuracy = float((probabilities.argmax(axis=1) == full["y_true"]).mean())
    validation = (
        ""
        if math.isnan(choice.score[0])
        else f", validation {choice.experiment.training.select_by} {abs(choice.score[0]):.3f}"
    )
    return f"accuracy {accuracy:.3f}{validation}, epoch {'/'.join(map(str, choice.best_epochs.values()))}"


def _finish(trainer: Trainer, linear: LinearBaselines, run: OpenRun, say: Say) -> None:
    """Pool the folds, compute the figures, fit the final model, and mark the run as finished."""
    study = trainer.study
    folds = [run.writer.read_fold(fold.number) for fold in study.folds]
    records = [record for record, _ in folds]
    pooled, history = (
        pd.concat([tables[name] for _, tables in folds], ignore_index=True) for name in (PREDICTIONS, HISTORY)
    )
    temperatures = {s: [record["temperature"][s] for record in records] for s in records[0]["temperature"]}
    group_of = dict(zip(study.table.ids.tolist(), study.table.groups.tolist(), strict=True))
    results = {
        "metrics": summarise(pooled, temperatures, group_of, study.table.labels, study.seed),
        "baselines": {
            **baselines(study.table.y, study.folds, len(study.table.labels)),
            "linear": _linear(study, linear, run, pooled, group_of),
        },
        "temperatures": temperatures,
        "chosen": [
            {k: r[k] for k in ("fold", "best_epoch", "validation_score", "training", "fusion")}
            for r in records
        ],
    }
    if not run.writer.has_model:
        unimodal = [tables[UNIMODAL] for _, tables in folds if UNIMODAL in tables]
        model = final_model.fit(
            trainer,
            run.experiment,
            OutOfFold(records, pooled, pd.concat(unimodal, ignore_index=True) if unimodal else None),
            name=run.writer.folder.name,
            card=card_of({**run.writer.record, **results}),
            progress=run.progress.final_epoch,
        )
        run.writer.write_model(model.save)
        say(f"{run.writer.folder.name}: fitted on all {len(study.table)} utterances")
    run.writer.finish(pooled, history, results)


def _linear(
    study: Study,
    linear: LinearBaselines,
    run: OpenRun,
    pooled: pd.DataFrame,
    group_of: Mapping[str, str],
) -> dict[str, Any]:
    """The linear baseline beside a run, with its predictions on disk."""
    modalities = run.experiment.modalities
    fitted = linear.get(modalities, refit=run.experiment.training.refit)
    run.writer.write_pooled({BASELINE: fitted.predictions})
    own = pooled[pooled["subset"] == subset_name(modalities)]
    return compare_with(fitted, own, group_of, study.table.labels, study.seed)
