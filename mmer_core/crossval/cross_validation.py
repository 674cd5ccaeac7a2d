"""Cross-validation: every utterance is predicted by a model that was trained without its speaker, with every
subset of the modalities; then one model is fitted on all of the corpus.

Each fold's model is chosen on validation groups cut from its training part; its test part is only ever
predicted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mmer_core.backends import LOCAL, jobs_on
from mmer_core.corpora import Manifest
from mmer_core.crossval import record as records
from mmer_core.crossval.experiment import Study
from mmer_core.crossval.fold_loop import Run, check, train_runs
from mmer_core.crossval.study import make_experiments, make_study, read_corpus
from mmer_core.runs.run import CVRun
from mmer_core.runs.writer import settings_digest
from mmer_core.training.request import TrainRequest

SHOWN_PROBLEMS = 5


def cross_validate(
    request: TrainRequest,
    say: Callable[[str], None] = print,
    *,
    jobs: int | None = None,
    where: str = LOCAL,
) -> list[CVRun]:
    """Cross-validate what a request asks for; each run ends with a model that reads clips, in RUN/model.

    A request that was interrupted goes on where it was when it is given again; finished runs are not trained
    anew.

    Args:
        request: what is trained on what.
        say: takes one line at a time: what was left out, and each finished fold.
        jobs: processes that train networks side by side; by default none but this one, or of a cluster one
            for each of its cores; 0 for as many as are worth it on this machine (see
            `estimate.worthwhile_processes`). The results are the same.
        where: name of the backend that they are of, see `mmer_core.backends`.

    Returns:
        One finished run for each network, or for each modality where the network is unimodal.

    Raises:
        BackendUnavailable: the backend cannot be used.
        ValueError: a request that cannot be trained, in one sentence; nothing is written then.
        RunError: a folder holds something else, or another process trains there.
        TrainingError: a training went wrong; the run is marked as failed.
    """
    manifest = read_corpus(request)
    study = make_study(request, manifest)
    kept = set(study.table.ids.tolist())
    used = manifest.take([row for row, id_ in enumerate(manifest.ids) if id_ in kept])
    experiments = make_experiments(request, study.table.modalities)
    for experiment in experiments.values():
        check(study, experiment)
    shared = records.shared(study, used, request)
    _announce(study, shared, say)
    runs = []
    for name, experiment in experiments.items():
        record = {**shared, **records.settings(study, experiment)}
        folder = request.runs_folder / _folder_name(request, manifest, name, record, len(experiments))
        runs.append(Run(experiment, folder, record))
    number = 0 if jobs == 0 and where == LOCAL else jobs_on(where, jobs)
    train_runs(study, runs, say, jobs=number, where=where)
    return [CVRun.open(run.folder) for run in runs]


def run_names(request: TrainRequest, experiments: Mapping[str, Any]) -> tuple[str, ...]:
    """The folders that a request with a name writes, one for each experiment."""
    return tuple(_named(request, name, len(experiments)) for name in experiments)


def _named(request: TrainRequest, name: str, experiments: int) -> str:
    return request.name if experiments == 1 else f"{request.name}-{name}"


def _folder_name(
    request: TrainRequest, manifest: Manifest, name: str, record: Mapping[str, Any], experiments: int
) -> str:
    """The run's folder: as named in the request, else corpus, classes, network and six digits that stand for
    all settings.
    """
    if request.name:
        return _named(request, name, experiments)
    corpus = manifest.corpus or Path(request.corpus).stem
    return f"{corpus}-{len(manifest.labels)}c-{name}-{settings_digest(record)[:6]}"


def _announce(study: Study, shared: Mapping[str, Any], say: Callable[[str], None]) -> None:
    for id_, reason in study.table.problems[:SHOWN_PROBLEMS]:
        say(f"left out: {id_}: {reason}")
    if len(study.table.problems) > SHOWN_PROBLEMS:
        say(f"left out: {len(study.table.problems) - SHOWN_PROBLEMS} more; run.json lists them")
    leakage = shared["leakage"]
    say(
        f"{len(study.table)} utterances, {len(study.folds)} folds; leakage check: "
        f"{leakage['verdict']}: {leakage['reason']}"
    )
