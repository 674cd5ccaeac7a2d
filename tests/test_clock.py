"""Times of a recording as a player shows them."""

from __future__ import annotations

import pytest

from mmer_core.clock import clock


@pytest.mark.parametrize(
    ("seconds", "tenths", "whole"),
    [
        (0, "0:00.0", "0:00"),
        (4.25, "0:04.3", "0:04"),
        (12.34, "0:12.3", "0:12"),
        (59.96, "1:00.0", "0:59"),
        (62.5, "1:02.5", "1:02"),
        (599.9, "9:59.9", "9:59"),
        (3602.5, "1:00:02.5", "1:00:02"),
        (36_061, "10:01:01.0", "10:01:01"),
    ],
)
def test_times_read_as_a_player_shows_them(seconds, tenths, whole):
    assert clock(seconds) == tenths
    assert clock(seconds, tenths=False) == whole
