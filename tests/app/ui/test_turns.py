"""The line for analyses: order, fairness, leaving, giving way."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui import turns as module
from ui.turns import Turn, Turns, places


def started(waiting: list[Turn]) -> list[str]:
    """Who is at work, as each ends in turn."""
    order = []
    while any(turn.wait(0) for turn in waiting):
        first = next(turn for turn in waiting if turn.wait(0))
        order.append(first.person)
        first.leave(done=True)
    return order


def test_first_come_first_served():
    line = Turns(1)
    waiting = [line.join(name) for name in "abcd"]
    assert [turn.number for turn in waiting] == [0, 1, 2, 3]
    assert started(waiting) == list("abcd")


def test_as_many_work_at_once_as_there_are_places():
    line = Turns(2)
    waiting = [line.join(name) for name in "abc"]
    assert [turn.wait(0) for turn in waiting] == [True, True, False]
    waiting[1].leave()
    assert waiting[2].wait(0)


def test_a_second_request_overtakes_nobody_and_many_hold_nobody_up():
    line = Turns(1)
    waiting = [line.join(name) for name in "aaaabc"]
    assert started(waiting) == list("aabcaa"), "all but the one that stood in the line go behind b and c"


def test_who_leaves_the_line_lets_the_others_move_up():
    line = Turns(1)
    first, second, third = (line.join(name) for name in "abc")
    second.leave()
    second.leave()
    assert (second.number, third.number) == (0, 1)
    assert not second.wait(0)
    first.leave()
    assert third.wait(0)


def test_leaving_makes_room_for_the_persons_next_request():
    line = Turns(1)
    _, first, second = line.join("x"), line.join("a"), line.join("a")
    first.leave()
    assert second.number == 1


def test_a_fault_frees_the_place():
    line = Turns(1)

    def fail() -> None:
        with line.join("a") as turn:
            assert turn.wait(0)
            raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        fail()
    assert line.join("b").wait(0)


def test_long_work_gives_way_and_comes_back():
    line = Turns(1)
    long = line.join("long")
    assert long.give_way(), "nobody waits"
    short = line.join("short")
    assert not long.give_way()
    assert short.wait(0)
    assert long.number == 1
    assert not long.go_on(lambda: True), "stopped while it waits"
    short.leave(done=True)
    assert long.begin(lambda: False)


def test_the_time_left_follows_the_place_and_what_was_measured(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    line = Turns(2)
    waiting = [line.join(name) for name in "abcde"]
    assert [turn.left for turn in waiting] == [0, 0, *(module.FIRST_PACE * n / 2 for n in (1, 2, 3))]
    now[0] = 25.0
    waiting[0].leave(done=True)
    assert waiting[4].left == pytest.approx(module.FIRST_PACE + module.WEIGHT * (25 - module.FIRST_PACE))
    before = waiting[4].left
    now[0] = 1000.0
    waiting[1].leave()
    assert waiting[4].left == pytest.approx(before / 2), "work that was broken off tells nothing"


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["join", "leave", "way"])), max_size=40),
)
def test_whatever_comes_and_goes_every_place_is_used_and_everybody_is_served(count, events):
    line, here = Turns(count), []
    for name, event in events:
        own = [turn for turn in here if turn.person == name]
        if event == "join" or not own:
            here.append(line.join(name))
        elif event == "leave":
            own[0].leave()
            here.remove(own[0])
        else:
            own[0].give_way()
        working = [turn for turn in here if turn.wait(0)]
        assert len(working) == min(count, len(here))
        assert sorted(t.number for t in here if t not in working) == [*range(1, len(here) - len(working) + 1)]
    assert len(started(here)) == len(here)


def test_many_threads_end_and_never_work_at_once_more_than_allowed():
    line, guard = Turns(3), threading.Lock()
    now, most, served = [0], [0], []

    def work(name: str) -> None:
        for _ in range(20):
            with line.join(name) as turn:
                assert turn.begin(lambda: False)
                with guard:
                    now[0] += 1
                    most[0] = max(most[0], now[0])
                turn.number  # noqa: B018  asked by pages all the time
                with guard:
                    now[0] -= 1
        served.append(name)

    threads = [threading.Thread(target=work, args=(str(i % 5),)) for i in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(served) == 10
    assert most[0] <= 3


def test_how_many_at_once_can_be_set(monkeypatch):
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)
    assert places() == 3
    monkeypatch.setenv(module.AT_ONCE, "7")
    assert places() == 7
    monkeypatch.setenv(module.AT_ONCE, "many")
    assert places() == 3
