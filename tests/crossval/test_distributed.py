"""Parts trained in processes give the run that one process gives, and none is lost."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import side_by_side_work as work
import torch
from feature_tables import DIMS, make_table
from studies import make_study, record_of

from mmer_core.backends import LOCAL
from mmer_core.crossval import distributed, fold_loop
from mmer_core.crossval.experiment import Experiment, parts_of
from mmer_core.crossval.fold_loop import Run, train_runs
from mmer_core.crossval.trainer import Trainer
from mmer_core.runs.run import CVRun
from mmer_core.training.config import TrainingConfig
from mmer_core.training.loop import TrainingError

QUICK = TrainingConfig(epochs=2, batch_size=16, learning_rate=5e-3)
MODALITIES = tuple(DIMS)
EXPERIMENTS = {
    "attention": Experiment("crossmodal", MODALITIES, training=QUICK),
    "late": Experiment("late_mean", MODALITIES, training=QUICK),
    "searched": Experiment("early", MODALITIES, training=QUICK, search={"learning_rate": [1e-4, 5e-3]}),
}


@pytest.fixture(scope="module")
def study():
    return make_study(make_table(absent=0.1), folds=2)


def train(study, folder, names=tuple(EXPERIMENTS), **how):
    runs = [Run(EXPERIMENTS[name], folder / name, record_of(study, EXPERIMENTS[name])) for name in names]
    said = []
    train_runs(study, runs, said.append, **how)
    return {name: CVRun.open(folder / name, verify=True) for name in names}, said


@pytest.fixture(scope="module")
def alone(study, tmp_path_factory):
    torch.set_num_threads(1)
    return train(study, tmp_path_factory.mktemp("alone"))[0]


def assert_same(found, expected):
    for name, run in expected.items():
        pd.testing.assert_frame_equal(found[name].predictions(), run.predictions())
        assert found[name].record["chosen"] == run.record["chosen"]
        np.testing.assert_array_equal(found[name].history["best"], run.history["best"])


def test_processes_give_the_same_runs(study, alone, tmp_path):
    found, said = train(study, tmp_path, jobs=2)
    assert_same(found, alone)
    assert sum("fold" in line for line in said) == 2 * len(EXPERIMENTS)


def test_networks_that_are_trained_side_by_side_stay_in_this_process(study, tmp_path, monkeypatch):
    handed_out = []
    monkeypatch.setattr(
        distributed.TrainingProcesses, "submit", lambda self, parts, refit: handed_out.extend(parts)
    )
    train(replace(study, side_by_side=True), tmp_path, ("late", "attention"), jobs=2)
    assert {part.fusion for part in handed_out} == {"crossmodal"}


def test_as_many_processes_as_are_worth_it_for_what_is_left(study, alone, tmp_path, monkeypatch):
    asked = []

    def two(study, parts):
        asked.append(len(parts))
        return 2 if parts else 1

    monkeypatch.setattr(fold_loop, "worthwhile_processes", two)
    found, said = train(study, tmp_path, ("attention",), jobs=0)
    assert_same(found, {"attention": alone["attention"]})
    assert said[0] == "2 processes train side by side (--jobs 1: none but this one)"
    assert train(study, tmp_path, ("attention",), jobs=0)[1] == [], "it is finished"
    assert asked == [2, 0]


def test_processes_tell_each_epoch_until_a_part_is_taken(study):
    trainer, told = Trainer(study), []
    (part,) = parts_of(EXPERIMENTS["attention"], 0).values()
    with distributed.TrainingProcesses(trainer, 1, LOCAL, lambda *row: told.append(row)) as processes:
        processes.submit([part], lambda part: False)
        while len(told) < QUICK.epochs:
            time.sleep(0.01)
        history = trainer.train(part, study.folds[0])[1].history
        processes._rows.wires.rows.put((part, {"epoch": 3}))
    assert [one for one, _ in told] == [part] * QUICK.epochs
    assert [row for _, row in told] == list(history)


def test_progress_that_cannot_be_written_fails_the_training_and_blocks_no_process(study):
    def full(part, row):
        raise OSError("no space left on device")

    trainer = Trainer(study)
    (part,) = parts_of(EXPERIMENTS["attention"], 0).values()
    processes = distributed.TrainingProcesses(trainer, 1, LOCAL, full)
    with processes:
        processes.submit([part], lambda part: False)
        with pytest.raises(OSError, match="no space left"):
            trainer.train(part, study.folds[0])


def test_an_error_ends_what_the_processes_train_with_its_epoch(study):
    endless = replace(QUICK, epochs=10**6, patience=0)
    experiment = replace(EXPERIMENTS["attention"], training=endless)
    (part,) = parts_of(experiment, 0).values()
    begun = threading.Event()
    processes = distributed.TrainingProcesses(Trainer(study), 1, LOCAL, lambda *row: begun.set())

    def interrupted():
        with processes:
            processes.submit([part], lambda part: False)
            assert begun.wait(60)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(CancelledError):
        processes._pending[part].result(10)


@pytest.mark.long
def test_a_process_that_is_ended_is_one_sentence_and_what_is_written_stays(
    study, alone, tmp_path, monkeypatch
):
    train(study, tmp_path, ("late",))
    with monkeypatch.context() as patched:
        patched.setattr(distributed, "_train", work.die_of)
        with pytest.raises(TrainingError, match=r"a process that trained was ended .* fewer --jobs"):
            train(study, tmp_path, ("late", "attention"), jobs=2)
    assert_same(train(study, tmp_path, ("late", "attention"), jobs=2)[0], {"late": alone["late"]})


def test_an_accelerator_is_not_shared(study, tmp_path):
    with pytest.raises(ValueError, match=r"not on cuda: leave out --jobs"):
        train(replace(study, device="cuda"), tmp_path, ("late",), jobs=2)
