"""How long an evaluation will still take, on a terminal."""

import re

import pytest

from mmer_core.cli import evaluate


@pytest.mark.parametrize(("known", "expected"), [(0, "0:06"), (40, "0:06")])
def test_the_time_left_counts_what_this_start_has_done(monkeypatch, capsys, known, expected):
    now = [100.0]
    monkeypatch.setattr(evaluate.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(evaluate.sys.stderr, "isatty", lambda: True)
    progress = evaluate._progress(known + 10)
    for done in range(1, 5):  # a second each
        now[0] += 1.0
        progress(known + done)
    last = capsys.readouterr().err.rpartition("\r")[2]
    assert last.startswith(f"{known + 4}/{known + 10}, about ")
    assert re.search(r"about (\S+) left", last)[1].startswith(expected)
