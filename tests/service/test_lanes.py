"""Places are bounded, and free again when a request and its work are over."""

from concurrent.futures import Future

import pytest

from mmer_core.service.lanes import FIRST_PACE, LONGEST_WAIT, Full, Lane
from mmer_core.service.metrics import Metrics


@pytest.fixture
def lane():
    return Lane("clips", workers=2, queue=1, metrics=Metrics())


def test_there_are_as_many_places_as_workers_and_waiting_requests(lane):
    places = [lane.take() for _ in range(3)]
    with pytest.raises(Full):
        lane.take()
    places[0].leave()
    places[0].leave()  # once more does not free another's
    lane.take()
    with pytest.raises(Full):
        lane.take()


def test_a_place_stays_taken_while_its_work_is_in_hand(lane):
    work = Future()
    place = lane.take()
    place.hold(work)
    place.leave()
    lane.take(), lane.take()
    with pytest.raises(Full):
        lane.take()
    work.set_result(None)
    lane.take()


def test_a_place_is_kept_when_the_work_ends_before_the_request(lane):
    work = Future()
    place = lane.take()
    place.hold(work)
    work.cancel()
    lane.take(), lane.take()
    with pytest.raises(Full):
        lane.take()
    place.leave()
    lane.take()


def test_the_seconds_to_wait_follow_the_recent_pace_and_what_is_in_hand(lane):
    assert lane.wait() == 1
    for _ in range(50):
        lane.took(10.0)
    place = lane.take()
    for _ in range(6):
        place.hold(Future())
    assert lane.wait() == 30  # six items of ten seconds, two at a time
    for _ in range(50):
        lane.took(2.0, items=4)
    assert lane.wait() == 2
    for _ in range(50):
        lane.took(1e6)
    assert lane.wait() == LONGEST_WAIT


def test_the_first_guess_is_stated(lane):
    place = lane.take()
    for _ in range(8):
        place.hold(Future())
    assert lane.wait() == 8 * FIRST_PACE / 2
