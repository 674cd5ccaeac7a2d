"""The line before the model on the Analyze page: the place is shown, and a page that closes leaves it."""

from __future__ import annotations

import threading

import pytest

from mmer_core.labels import Modality
from ui import in_turn
from ui.analyze import progress
from ui.turns import Turns


@pytest.fixture
def line(monkeypatch):
    """A line with one place."""
    made = Turns(1)
    monkeypatch.setattr(in_turn, "turns", lambda: made)
    return made


def test_who_waits_sees_the_place_until_the_answer_comes(app, line, small_video, monkeypatch):
    before, told = [line.join("a"), line.join("b")], []
    real = progress.Progress.waits

    def waits(self, number, seconds):
        real(self, number, seconds)
        told.append((self._step, progress.place_in_line(number, seconds)))
        before.pop().leave()

    monkeypatch.setattr(progress.Progress, "waits", waits)
    app.file_uploader[0].upload("clip.mp4", small_video.read_bytes()).run()
    assert not app.exception
    assert told == [
        ("", "You are number 2 in line; about 10 s"),
        ("", "You are next in line; about 5 s"),
    ]
    assert any('class="mmer-answer"' in h.value for h in app.html)
    assert not any("in line" in h.value for h in app.html)
    assert line.join("c").wait(0)


def test_several_files_tell_the_place_in_their_line(app, line, small_video, monkeypatch):
    from ui.analyze import batch_rows

    told, holder = [], []

    def waits(self, number, seconds):
        told.append(number)
        holder.pop().leave()

    real = batch_rows._row_of

    def row_of(*given):
        holder.extend([] if holder else [line.join("another")])
        return real(*given)

    monkeypatch.setattr(batch_rows, "_row_of", row_of)
    monkeypatch.setattr(batch_rows._Line, "waits", waits)
    video = small_video.read_bytes()
    app.file_uploader[0].set_value([("a.mp4", video, ""), ("b.mp4", video + b" ", "")]).run()
    assert not app.exception
    assert told == [1]


def test_a_page_that_is_closed_ends_its_work(app, line, small_video, model, monkeypatch):
    begun, ended = threading.Event(), threading.Event()

    def encode(clip):
        begun.set()
        try:
            while not ended.wait(0.001):
                pass
        finally:
            ended.set()

    monkeypatch.setattr(model.encoders[Modality.AUDIO], "encode", encode)
    monkeypatch.setattr(in_turn, "is_open", lambda: not begun.is_set())
    app.file_uploader[0].upload("clip.mp4", small_video.read_bytes()).run()
    assert ended.wait(10)
    assert line.join("next").wait(10)
