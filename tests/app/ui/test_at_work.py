"""Work in threads, and waiting for its end."""

from __future__ import annotations

import threading

import pytest

from ui import at_work


@pytest.fixture
def whose(monkeypatch):
    """Sets whose page the calls come from."""

    def of(name: str) -> None:
        monkeypatch.setattr(at_work, "person", lambda: name)

    of("one")
    return of


@pytest.fixture
def work():
    """A thread that works until it is told to end."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait, args=(30,), daemon=True)
    yield thread, end
    end.set()


def test_it_waits_for_work_of_this_person_alone(whose, work):
    thread, end = work
    at_work.begin(thread)
    assert not at_work.ended(0)
    whose("another")
    assert at_work.ended(0)
    whose("one")
    threading.Timer(0.1, end.set).start()
    assert at_work.ended(30)
    assert not thread.is_alive()


def test_a_run_of_a_page_does_not_wait_for_itself(whose):
    at_work.this_run()
    assert at_work.ended(0)
    found = []
    other = threading.Thread(target=lambda: found.append(at_work.ended(0)))
    other.start()
    other.join()
    assert found == [False], "for another run of the same page it does"
