"""The registry of backends, and what is said where one cannot be used."""

from __future__ import annotations

import sys

import pytest
from side_by_side_work import begin, square

from mmer_core import backends
from mmer_core.backends import BackendUnavailable
from mmer_core.cli import main


def test_they_are_listed_in_order():
    assert backends.names() == ("local", "ray")
    assert backends.backend("local").here
    assert not backends.backend("ray").here
    with pytest.raises(ValueError, match="unknown backend 'slurm': choose one of local, ray"):
        backends.backend("slurm")


def test_processes_of_this_machine_begin_once_and_do_tasks():
    with backends.backend("local").executor(1, begin, ()) as pool:
        assert list(pool.map(square, range(3))) == [0, 1, 4]
    assert backends.backend("local").slots() >= 1


def test_ray_that_is_not_installed_is_one_sentence(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BackendUnavailable, match=r"Ray is not installed: .*pip install 'mmer\[ray\]'"):
        backends.backend("ray").executor(1, begin, ())
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    command = ["predict", str(tmp_path / "a.txt"), "--out", str(tmp_path / "t.csv"), "--backend", "ray"]
    assert main.main(command) == 1
    assert capsys.readouterr().err.startswith("error: Ray is not installed")
