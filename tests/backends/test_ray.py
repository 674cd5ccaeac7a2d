"""A Ray cluster of several nodes on this machine: nothing is lost or doubled when one is killed."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import side_by_side_work as work
import torch
from feature_tables import DIMS
from media_factory import write_sound
from studies import make_study, record_of

from mmer_core import corpora
from mmer_core.backends import BackendUnavailable, Ended, backend
from mmer_core.backends.ray import SILENT
from mmer_core.batch import Input, predict_files
from mmer_core.batch.processes import ENDED
from mmer_core.crossval.experiment import Experiment
from mmer_core.crossval.fold_loop import Run, train_runs
from mmer_core.features.extraction import extract
from mmer_core.features.store import FeatureStore
from mmer_core.inference import record
from mmer_core.runs.run import CVRun
from mmer_core.training.config import TrainingConfig
from tiny_model import make_model

pytestmark = pytest.mark.long
ray = pytest.importorskip("ray")
STORE = 80 * 2**20  # bytes of a node's object store


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A head without cores and two nodes of one core each; workers find the modules of the tests."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patched:
        tests = str(Path(__file__).parent.parent)
        patched.setenv("PYTHONPATH", os.pathsep.join([os.environ["PYTHONPATH"], tests]))
        for name, value in SILENT.items():
            patched.setenv(name, value)
        home = tmp_path_factory.mktemp("home")  # with what keeps a head from asking which cloud it is in
        (home / "ray_bootstrap_config.yaml").write_text("{}", encoding="utf-8")
        patched.setenv("HOME", str(home))
        head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
        nodes = Cluster(initialize_head=True, head_node_args=head)
        patched.setenv("RAY_ADDRESS", nodes.address)
        yield nodes
        ray.shutdown()
        nodes.shutdown()


@pytest.fixture
def two(cluster):
    """The two nodes; one that a test removes is there again for the next."""
    while len(cluster.worker_nodes) < 2:
        cluster.add_node(num_cpus=1, object_store_memory=STORE)
    cluster.wait_for_nodes()
    return sorted(cluster.worker_nodes, key=lambda node: node.node_id)


@pytest.fixture
def texts(tmp_path):
    for i in range(30):
        (tmp_path / f"{i:02d}.txt").write_text(f"words {i}", encoding="utf-8")
    (tmp_path / "log").mkdir()
    return [Input(str(tmp_path / f"{i:02d}.txt")) for i in range(30)]


@pytest.fixture(autouse=True)
def model(monkeypatch):
    made = make_model()
    monkeypatch.setattr(record, "read", lambda folder: made.record)


def read_by(log: Path) -> list[list[str]]:
    """The files that each process read, in its order."""
    return [file.read_text(encoding="utf-8").splitlines() for file in log.iterdir()]


def test_a_node_that_is_killed_costs_the_work_in_hand(cluster, two, texts, tmp_path):
    reading = work.Slow(Path("model"), tmp_path / "log", seconds=0.3)
    killed = []

    def kill(done: int, of: int) -> None:
        busy = len(list((tmp_path / "log").iterdir())) == 2
        if busy and not killed:
            killed.append(done)
            cluster.remove_node(two[0], allow_graceful=False)

    table = predict_files(texts, tmp_path / "t.csv", reading, jobs=2, where="ray", progress=kill)
    assert killed
    assert killed[0] < len(texts) - 5
    assert table["path"].tolist() == [given.path for given in texts]
    assert table["words"].tolist() == [f"words {i}" for i in range(30)]
    assert table["reason"].isna().all()
    alone = predict_files(texts, tmp_path / "alone.csv", work.Slow(Path("model"), tmp_path / "log", 0))
    pd.testing.assert_frame_equal(table, alone)
    assert (tmp_path / "t.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()


def test_each_file_is_read_once_where_nothing_is_lost(two, texts, tmp_path):
    predict_files(texts, tmp_path / "t.csv", work.Slow(Path("model"), tmp_path / "log"), jobs=2, where="ray")
    read = read_by(tmp_path / "log")
    assert Counter(path for paths in read for path in paths) == Counter(given.path for given in texts)


def test_a_file_that_ends_its_process_each_time_costs_its_row(two, texts, tmp_path):
    (tmp_path / "deadly.txt").write_text("x", encoding="utf-8")
    files = [*texts[:3], Input(str(tmp_path / "deadly.txt")), *texts[3:6]]
    reading = work.Slow(Path("model"), tmp_path / "log")
    table = predict_files(files, tmp_path / "t.csv", reading, jobs=2, where="ray")
    assert table["reason"][3] == f"not read: {ENDED}"
    assert table["words"].notna().tolist() == [True] * 3 + [False] + [True] * 3


def test_actors_begin_once_and_compute_in_one_thread(two):
    found = backend("ray")
    assert found.slots() == 2
    with found.executor(1, work.begin, ()) as pool:
        assert list(pool.map(work.square, range(4))) == [0, 1, 4, 9]
        assert pool.submit(work.threads_and_starts, 0.0).result() == ("1", 1)
        with pytest.raises(ValueError, match=r"^because$"):
            pool.submit(work.refuse, "because").result()
        with pytest.raises(Ended, match="3 times"):
            pool.submit(work.die).result()
        assert pool.submit(work.square, 5).result() == 25, "it goes on"


def test_actors_that_cannot_begin_are_one_sentence(two):
    with (
        backend("ray").executor(1, work.fail_to_begin, ()) as pool,
        pytest.raises(BackendUnavailable, match=r"3 Ray actors in a row ended .*no room for the model"),
    ):
        pool.submit(work.square, 1).result()


def test_extraction_gives_what_one_process_gives(two, tmp_path):
    rows = ["id,path,text,label,speaker"]
    for i in range(20):
        write_sound(tmp_path / f"{i}.wav", seconds=0.5 + i / 50)
        rows.append(f"u{i},{i}.wav,,joy,s")
    (tmp_path / "m.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    manifest = corpora.read(str(tmp_path / "m.csv"))
    found = {}
    for where in ("local", "ray"):
        result = extract(manifest, {"audio": "mel_cnn"}, store=tmp_path / where, jobs=1, where=where)
        assert result.counts == {"mel_cnn": {"encoded": 20}}
        found[where] = FeatureStore(tmp_path / where).column("mel_cnn", manifest)[0].padded(np.arange(20))[0]
    np.testing.assert_allclose(found["ray"], found["local"], atol=1e-5)
    again = extract(manifest, {"audio": "mel_cnn"}, store=tmp_path / "ray", where="ray")
    assert again.counts == {"mel_cnn": {"kept": 20}}


def test_cross_validation_gives_what_one_process_gives_though_a_node_is_killed(cluster, two, tmp_path):
    study = make_study()
    experiment = Experiment("crossmodal", tuple(DIMS), training=TrainingConfig(epochs=3, batch_size=16))
    record = record_of(study, experiment)
    killed = []

    def kill(line: str) -> None:
        if not killed:
            killed.append(line)
            cluster.remove_node(two[0], allow_graceful=False)

    torch.set_num_threads(1)
    train_runs(study, [Run(experiment, tmp_path / "ray", record)], kill, jobs=2, where="ray")
    assert "fold 1 of 3" in killed[0]
    train_runs(study, [Run(experiment, tmp_path / "alone", record)], lambda line: None)
    found, alone = (CVRun.open(tmp_path / name, verify=True) for name in ("ray", "alone"))
    pd.testing.assert_frame_equal(found.predictions(), alone.predictions())
