"""Runs that are being trained, and the parts that they still need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mmer_core.crossval.experiment import Experiment, Part, Study, parts_of
from mmer_core.runs.progress import RunProgress
from mmer_core.runs.writer import RunWriter


@dataclass(frozen=True)
class OpenRun:
    """A run that is being trained."""

    experiment: Experiment
    writer: RunWriter
    progress: RunProgress

    @classmethod
    def of(cls, study: Study, experiment: Experiment, writer: RunWriter) -> OpenRun:
        """The run that a writer writes, as far as it is on disk."""
        candidates = experiment.candidates(study.seed)
        parts = sum(len(parts_of(candidate, 0)) for candidate in candidates)
        done = sum(writer.has_fold(fold.number) for fold in study.folds)
        epochs = max(candidate.training.epochs for candidate in candidates)
        return cls(experiment, writer, RunProgress(writer, len(study.folds), parts, epochs, done))

    def parts(self, study: Study, fold: int) -> Iterator[tuple[Part, str]]:
        """What it trains in a fold: each part and its name in the run."""
        for candidate in self.experiment.candidates(study.seed):
            for name, part in parts_of(candidate, fold).items():
                yield part, name


Wanted = Mapping[Part, Sequence[tuple[OpenRun, str]]]


def wanted_parts(study: Study, runs: Sequence[OpenRun], *, written: bool) -> Wanted:
    """{part: the runs that need it, and its name in each}, fold by fold.

    Args:
        study: corpus and folds.
        runs: a run whose folds are all on disk needs nothing.
        written: whether folds that are on disk count, too.
    """
    found: dict[Part, list[tuple[OpenRun, str]]] = {}
    unfinished = [run for run in runs if not all(run.writer.has_fold(fold.number) for fold in study.folds)]
    for fold in study.folds:
        for run in unfinished:
            if written or not run.writer.has_fold(fold.number):
                for part, name in run.parts(study, fold.number):
                    found.setdefault(part, []).append((run, name))
    return found


def is_refitted(study: Study, wanted: Wanted, part: Part) -> bool:
    """Whether a part will be trained again for its best epoch. Of several candidates each fold refits its own
    choice, which is not known before.
    """
    return bool(
        part.training.refit
        and len(study.folds[part.fold].validation)
        and any(len(run.experiment.candidates(study.seed)) == 1 for run, _ in wanted[part])
    )
