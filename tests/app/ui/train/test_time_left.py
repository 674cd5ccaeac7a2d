"""The time that a training has left, whatever the clock does."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from mmer_core.runs.job import Status
from ui.train import progress


@pytest.mark.parametrize(
    ("now", "expected"), [(1060.0, ", at most 3 min left"), (1000.0, ""), (400.0, "")], ids=str
)
def test_a_clock_that_was_set_back_tells_no_time(monkeypatch, now, expected):
    monkeypatch.setattr(progress.time, "time", lambda: now)
    job = SimpleNamespace(status=Status.RUNNING, state={"attempt": 1, "since": 1000.0})
    assert progress._time_left(job, 0.25) == expected
