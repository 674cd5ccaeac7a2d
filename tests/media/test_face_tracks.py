"""Cuts, and tracks that end at them."""

import numpy as np

from mmer_core.media.face_crops import TEMPLATE, Detection
from mmer_core.media.face_tracks import cuts, link


def face(x: float) -> Detection:
    return Detection(np.array([x, 10, x + 40, 50], np.float32), TEMPLATE * 40 + (x, 10), 0.99)


def test_a_cut_is_a_change_all_over_the_picture():
    frames = np.full((8, 90, 160, 3), 60, np.uint8)
    frames[4:] = 190
    frames[2, 20:60, 40:80] = 255  # somebody moves
    assert cuts(frames) == [4]
    assert cuts(frames[:1]) == []


def test_a_track_ends_at_a_cut():
    found = [[face(10)] for _ in range(8)]
    times = np.arange(8) / 4
    assert [len(t) for t in link(found, times)] == [8]
    assert [len(t) for t in link(found, times, {4})] == [4, 4]


def test_a_track_pauses_no_longer_than_it_may():
    found = [[face(10)], [], [], [], [], [], [face(12)]]
    times = np.arange(7) / 4
    assert [len(t) for t in link(found, times)] == [2]
    assert [len(t) for t in link(found, times, gap=1.05)] == [1, 1]
