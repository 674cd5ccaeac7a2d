"""Work in the turn of a person: its answer, its faults, and its end when nobody wants it any more."""

from __future__ import annotations

import contextlib
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import streamlit as st

from mmer_core.media.loading import text_clip
from mmer_core.media.speech import Transcript
from tiny_model import make_model
from ui import in_turn as module
from ui import models
from ui.analyze import analysis
from ui.analyze.source import Source
from ui.in_turn import in_turn
from ui.turns import Turns


class Closed(BaseException):
    """What ends the run of a page, in these tests."""


def stop():
    raise Closed


@pytest.fixture
def line(monkeypatch):
    """A line of its own, with one place, that is asked about often."""
    made = Turns(1)
    monkeypatch.setattr(module, "turns", lambda: made)
    monkeypatch.setattr(module, "BEAT", 0.01)
    return made


def test_what_the_work_returns_comes_back(line):
    assert in_turn(lambda post: 3) == 3
    assert line.join("next").wait(0)


def test_what_the_work_hands_over_is_called_in_the_page_in_order(line):
    calls = []

    def work(post):
        for i in range(5):
            post(lambda i=i: calls.append((i, threading.current_thread())))

    in_turn(work)
    assert calls == [(i, threading.current_thread()) for i in range(5)]


def test_a_fault_of_the_work_is_raised_and_the_place_is_free(line):
    def work(post):
        raise OSError("no such clip")

    with pytest.raises(OSError, match="no such clip"):
        in_turn(work)
    assert line.join("next").wait(0)


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_of_the_work_stays_in_memory(line, fails):
    class Big:
        pass

    big = Big()
    held = weakref.ref(big)

    def work(post, big=big):
        if fails:
            raise OSError("broken")
        return big

    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(OSError):
            assert in_turn(work) is big
        for thread in threading.enumerate():
            if thread.name == "analysis":
                thread.join(10)
        del work, big
        assert held() is None
    finally:
        gc.enable()


def test_who_waits_is_told_the_place(line):
    holder, second, told = line.join("a"), line.join("b"), []

    def waits(number, seconds):
        told.append((number, round(seconds)))
        (second if number == 2 else holder).leave()

    assert in_turn(lambda post: "mine", waits) == "mine"
    assert told == [(2, 10), (1, 5)]


def test_a_page_that_is_closed_leaves_the_line(line, monkeypatch):
    holder = line.join("a")
    monkeypatch.setattr(module, "is_open", lambda: False)
    monkeypatch.setattr(module.st, "stop", stop)
    with pytest.raises(Closed):
        in_turn(lambda post: pytest.fail("nobody wants it"))
    holder.leave()
    assert line.join("b").wait(0)


def test_work_that_nobody_wants_ends_and_only_then_is_its_place_free(line, monkeypatch):
    begun, ended, go = threading.Event(), threading.Event(), threading.Event()

    def work(post):
        begun.set()
        try:
            while not ended.wait(0.001):
                pass
        finally:
            go.wait(10)
            ended.set()

    def gone():
        if begun.is_set():
            raise Closed

    monkeypatch.setattr(module, "_go_on", gone)
    with pytest.raises(Closed):
        in_turn(work)
    following = line.join("b")
    assert not following.wait(0.05), "it has not ended yet"
    go.set()
    assert following.wait(10)
    assert ended.is_set()


def test_what_is_shown_may_end_the_run_too(line):
    """Streamlit ends a run from within whatever the page shows next."""
    ended = threading.Event()

    def work(post):
        post(stop)
        try:
            while not ended.wait(0.001):
                pass
        finally:
            ended.set()

    with pytest.raises(Closed):
        in_turn(work)
    assert ended.wait(10)
    assert line.join("b").wait(10)


class Silent:
    """A watcher that shows nothing."""

    def __call__(self, step): ...

    def knows(self, duration, reads): ...

    def found(self, prediction): ...

    def waits(self, number, seconds): ...


def test_everybody_gets_their_own_answer(monkeypatch, install_model):
    """Twenty people at once, each with words of their own: what each is given is what they gave."""
    model = install_model(make_model(), transcript=Transcript("", (), 0.0))
    loader, own, line = models.model_loader(), threading.local(), Turns(4)
    loader.wait()
    monkeypatch.setattr(module, "turns", lambda: line)
    monkeypatch.setattr(module, "person", lambda: threading.current_thread().name)
    monkeypatch.setattr(analysis, "analyses", lambda: own.__dict__)
    marks = [f"these are the words of person {i}, said {i * i} times" for i in range(20)]

    def ask(mark: str):
        return [analysis.analyse(Source("words", text=mark), loader, Silent()) for _ in range(2)]

    with ThreadPoolExecutor(len(marks)) as people:
        found = list(people.map(ask, marks))
    for mark, (first, again) in zip(marks, found, strict=True):
        assert first.observation.clip.text == again.observation.clip.text == mark
        alone = model.observe(text_clip(mark))
        for modality, features in alone.features.items():
            np.testing.assert_array_equal(first.observation.features[modality], features)
    st.cache_resource.clear()
