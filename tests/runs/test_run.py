import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from mmer_core.runs import writer as writer_module
from mmer_core.runs.run import CVRun, RunError, list_runs
from mmer_core.runs.writer import RunWriter, write_table

LABELS = ["neutral", "joy"]
SETTINGS = {
    "labels": LABELS,
    "modalities": ["text", "audio"],
    "corpus": {"name": "synthetic"},
    "fusion": {"name": "early"},
    "training": {"epochs": 1},
    "plan": {},
    "request": {"corpus": "synthetic.csv"},
    "command": "python -m mmer_core train --manifest synthetic.csv",
}


def predictions(n=6):
    subsets = ["text", "audio", "text+audio"]
    rows = [
        {"id": f"u{i}", "fold": np.int16(i % 2), "subset": s, "y_true": np.int16(i % 2)}
        for s in subsets
        for i in range(n)
    ]
    frame = pd.DataFrame(rows)
    frame["p_neutral"] = np.linspace(0, 1, len(frame), dtype=np.float32)
    frame["p_joy"] = 1 - frame["p_neutral"]
    return frame


HISTORY = pd.DataFrame({"fold": [0, 1], "part": ["", ""], "epoch": [1, 1], "train_loss": [0.5, 0.4]})
RESULTS = {
    "metrics": {
        s: {"accuracy": [0.5, 0.4, 0.6], "confusion": [[1, 0], [0, 1]]}
        for s in ("text", "audio", "text+audio")
    },
    "temperatures": {},
}


def finished_run(folder, **changes):
    with RunWriter(folder, SETTINGS | changes) as writer:
        writer.write_folds(pd.DataFrame({"id": ["u0"], "group": ["s0"], "fold": [0], "role": ["test"]}))
        writer.finish(predictions(), HISTORY, RESULTS)
    return folder


def edit(folder, **changes):
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_one_subset_is_read_alone(tmp_path):
    run = CVRun.open(finished_run(tmp_path / "run"), verify=True)
    assert run.full == "text+audio"
    rows = run.predictions("audio")
    pd.testing.assert_frame_equal(
        rows,
        predictions().query("subset == 'audio'").drop(columns="subset").reset_index(drop=True),
        check_dtype=False,
    )
    assert list(run.predictions("text", columns=["id", "p_joy"]).columns) == ["id", "p_joy"]
    with pytest.raises(RunError, match="no predictions for 'visual': it has text, audio, text\\+audio"):
        run.predictions("visual")


def test_runs_are_listed_newest_first_and_broken_ones_with_their_reason(tmp_path):
    for name, created in (("old", "2026-01-01T00:00:00Z"), ("new", "2026-02-01T00:00:00Z")):
        edit(finished_run(tmp_path / name), created=created)
    (tmp_path / "no record").mkdir()
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "run.json").write_text('{"schema": 1, "name": ')
    edit(finished_run(tmp_path / "future"), schema=99)
    edit(finished_run(tmp_path / "edited"), labels="neutral")
    edit(finished_run(tmp_path / "status"), status="splendid")
    entries = {entry.path.name: entry for entry in list_runs(tmp_path)}
    assert [entry.path.name for entry in list_runs(tmp_path)][:2] == ["new", "old"]
    assert {name: entry.status for name, entry in entries.items() if entry.record} == {
        "new": "finished",
        "old": "finished",
    }
    for name, reason in {
        "no record": "is not a run: it has no run.json",
        "half": "cannot be read",
        "future": "has schema 99 and this version reads 2",
        "edited": "lacks a valid 'labels'",
        "status": "lacks a valid 'status'",
    }.items():
        assert entries[name].status == "broken"
        assert reason in entries[name].problem
        assert "\n" not in entries[name].problem


def test_a_folder_that_is_not_there_has_no_runs(tmp_path):
    assert list_runs(tmp_path / "nowhere") == []


def test_listing_reads_the_records_only(tmp_path):
    finished_run(tmp_path / "run")
    for table in (tmp_path / "run").glob("*.parquet"):
        table.unlink()
    assert list_runs(tmp_path)[0].status == "finished"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda p: (p / "predictions.parquet").unlink(),
            "lacks predictions.parquet: copy the whole run again",
        ),
        (
            lambda p: (p / "history.parquet").write_bytes(b"PAR1"),
            "history.parquet differs from what run.json says",
        ),
        (
            lambda p: edit(p, files={"../../etc/passwd": {"bytes": 1, "sha256": ""}}),
            "outside its folder: do not use this run",
        ),
    ],
)
def test_a_damaged_run_is_not_opened(tmp_path, damage, message):
    damage(finished_run(tmp_path / "run"))
    with pytest.raises(RunError, match=message):
        CVRun.open(tmp_path / "run")


def test_an_edited_table_of_the_same_size_is_found_by_verifying(tmp_path):
    path = finished_run(tmp_path / "run") / "predictions.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    CVRun.open(tmp_path / "run")
    with pytest.raises(RunError, match="differs from what run"):
        CVRun.open(tmp_path / "run", verify=True)


def test_a_missing_column_is_named(tmp_path):
    folder = finished_run(tmp_path / "run")
    write_table(folder / "predictions.parquet", predictions().drop(columns="p_joy"), by="subset")
    edit(folder, files={})
    with pytest.raises(RunError, match="lacks the column p_joy"):
        CVRun.open(folder).predictions()


def test_an_unfinished_run_can_be_looked_at_but_has_no_predictions(tmp_path):
    with RunWriter(tmp_path / "run", SETTINGS) as writer:
        writer.progress({"fold": 0, "epoch": 3}, always=True)
        run = CVRun.open(tmp_path / "run")
        assert run.record["status"] == "running"
        assert run.progress["epoch"] == 3
        with pytest.raises(RunError, match="it is not finished"):
            run.predictions()
        with pytest.raises(RunError, match="the run is running"):
            _ = run.history
    assert CVRun.open(tmp_path / "run").record["status"] == "interrupted"


def test_two_trainings_cannot_share_a_folder(tmp_path):
    with (
        RunWriter(tmp_path / "run", SETTINGS),
        pytest.raises(RunError, match="another process is training into"),
    ):
        RunWriter(tmp_path / "run", SETTINGS)


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (finished_run, "holds this run already, finished"),
        (lambda p: finished_run(p, training={"epochs": 9}), "holds a run with other settings"),
        (lambda p: (p.mkdir(), (p / "thesis.txt").write_text("mine")), "holds something that is no run"),
        (lambda p: (p.mkdir(), (p / "run.json").write_text("{")), "cannot be read"),
    ],
)
def test_nothing_is_trained_over(tmp_path, before, message):
    before(tmp_path / "run")
    content = {p: p.read_bytes() for p in (tmp_path / "run").iterdir()}
    with pytest.raises(RunError, match=message):
        RunWriter(tmp_path / "run", SETTINGS)
    assert {p: p.read_bytes() for p in content} == content


def test_a_killed_process_leaves_an_interrupted_run(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from mmer_core.runs.writer import RunWriter; "
        f"writer = RunWriter(Path(sys.argv[1]), {SETTINGS!r}); "
        "writer.progress({'fold': 0}, always=True); print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    assert list_runs(tmp_path)[0].status == "running"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list_runs(tmp_path)[0].status == "interrupted"
    with RunWriter(tmp_path / "run", SETTINGS) as writer:  # and it can go on
        assert writer.record["status"] == "running"


class FullDisk:
    """From a given write on, the disk is full."""

    def __init__(self, monkeypatch, name):
        self.name = name
        real = writer_module.Path.write_bytes
        monkeypatch.setattr(
            writer_module.Path, "write_bytes", lambda path, data: self.refuse(path) or real(path, data)
        )

    def refuse(self, path):
        if self.name in path.name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def test_a_full_disk_leaves_nothing_that_looks_finished(tmp_path, monkeypatch):
    FullDisk(monkeypatch, "predictions")
    with pytest.raises(OSError, match="No space left"):
        finished_run(tmp_path / "run")
    names = {p.name for p in (tmp_path / "run").iterdir()}
    assert "predictions.parquet" not in names
    assert not any(name.startswith(".predictions") for name in names)
    entry = list_runs(tmp_path)[0]
    assert entry.status == "failed"
    assert "No space left" in entry.record["reason"]


def test_a_half_written_fold_is_trained_again(tmp_path, monkeypatch):
    tables = {"predictions.parquet": predictions(), "history.parquet": HISTORY}
    with RunWriter(tmp_path / "run", SETTINGS) as writer:
        FullDisk(monkeypatch, "history")
        with pytest.raises(OSError, match="No space"):
            writer.write_fold(0, {"fold": 0}, tables)
        assert not writer.has_fold(0)
        monkeypatch.undo()
        writer.write_fold(0, {"fold": 0}, tables)
        assert writer.has_fold(0)
        record, found = writer.read_fold(0)
        assert record == {"fold": 0}
        pd.testing.assert_frame_equal(found["history.parquet"], HISTORY)


def test_folds_are_removed_when_the_run_is_finished(tmp_path):
    with RunWriter(tmp_path / "run", SETTINGS) as writer:
        writer.write_fold(0, {"fold": 0}, {"predictions.parquet": predictions()})
    finished_run(tmp_path / "run")
    assert not list((tmp_path / "run").glob("fold_*"))


def test_a_model_appears_whole(tmp_path):
    def broken(folder):
        (folder / "half").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space"), RunWriter(tmp_path / "run", SETTINGS) as writer:
        writer.write_model(broken)
    with RunWriter(tmp_path / "run", SETTINGS) as writer:
        assert not writer.has_model
        writer.write_model(lambda folder: (folder / "model.json").write_text("{}"))
        assert writer.has_model
        assert CVRun.open(tmp_path / "run").model is None  # the run is not finished
    finished_run(tmp_path / "run")
    model = CVRun.open(tmp_path / "run", verify=True).model
    assert [path.name for path in model.iterdir()] == ["model.json"]
    assert CVRun.open(finished_run(tmp_path / "other")).model is None


def test_the_request_and_the_command_do_not_make_another_run(tmp_path):
    changes = {"request": {"corpus": "/elsewhere/synthetic.csv"}, "command": "mmer train"}
    with RunWriter(tmp_path / "run", SETTINGS):
        pass
    with RunWriter(tmp_path / "run", SETTINGS | changes) as writer:
        assert writer.record["request"] == changes["request"]


@pytest.fixture
def old_run(tmp_path):
    """A finished run as version 0.1 left it: schema 1, no request, the validation part called "inner", and a
    folder of weights for each fold.
    """
    folder = finished_run(tmp_path / "old")
    record = json.loads((folder / "run.json").read_text())
    del record["request"]
    fold = folder / "fold_0"
    fold.mkdir()
    (fold / "model.safetensors").write_bytes(b"weights")
    record["files"]["fold_0/model.safetensors"] = {
        "bytes": 7,
        "sha256": hashlib.sha256(b"weights").hexdigest(),
    }
    history = HISTORY.assign(inner_loss=[0.6, 0.5], inner_accuracy=[0.4, 0.5])
    folds = pd.DataFrame({"id": ["u0"], "group": ["s0"], "fold": [0], "role": ["inner"]})
    for name, table in {"history.parquet": history, "folds.parquet": folds}.items():
        write_table(folder / name, table)
        content = (folder / name).read_bytes()
        record["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    record |= {"schema": 1, "chosen": [{"fold": 0, "best_epoch": {"": 1}, "inner_score": -0.5}]}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def test_a_run_of_version_one_is_read_as_if_it_were_new(old_run):
    run = CVRun.open(old_run, verify=True)
    assert [entry.status for entry in list_runs(old_run.parent)] == ["finished"]
    assert {"validation_loss", "validation_accuracy"} < set(run.history.columns)
    assert run.folds["role"].tolist() == ["validation"]
    assert run.record["chosen"][0]["validation_score"] == -0.5
    assert len(run.predictions()) == 6
    assert run.model is None


def test_a_run_of_version_one_is_not_trained_over(old_run):
    with pytest.raises(RunError, match="holds a run with other settings: choose another --name"):
        RunWriter(old_run, SETTINGS)


def test_progress_is_written_whole_and_not_too_often(tmp_path, monkeypatch):
    with RunWriter(tmp_path / "run", SETTINGS) as writer:
        writer.progress({"epoch": 1}, always=True)
        writer.progress({"epoch": 2})
        assert CVRun.open(tmp_path / "run").progress["epoch"] == 1
        monkeypatch.setattr(time, "monotonic", lambda: 1e9)
        writer.progress({"epoch": 3})
        assert CVRun.open(tmp_path / "run").progress["epoch"] == 3
    assert not list((tmp_path / "run").glob(".progress*"))
