"""Utterances are cut at pauses, changes of speaker and ends of sentences; none is too long."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmer_core.clip import SAMPLE_RATE
from mmer_core.recordings.cutting import (
    LONGEST,
    LONGEST_SIGHT,
    by_sentence,
    dips,
    gaps,
    sentences,
    speech_spans,
    split,
    with_margin,
)


def voice(seconds: float, *quiet: tuple[float, float]) -> np.ndarray:
    """(N,) float32 noise with silences."""
    sound = np.random.default_rng(0).normal(0, 0.1, int(seconds * SAMPLE_RATE)).astype(np.float32)
    for start, end in quiet:
        sound[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] = 0
    return sound


def test_short_pauses_join_and_long_ones_cut():
    voices = [(1.0, 2.0), (2.3, 4.0), (5.0, 6.0), (8.0, 8.1)]
    assert speech_spans(voices, voice(10)) == [(1.0, 4.0), (5.0, 6.0)]


def test_a_change_of_speaker_cuts():
    assert speech_spans([(1.0, 6.0)], voice(7), changes=[0.5, 3.0, 5.9]) == [(1.0, 3.0), (3.0, 6.0)]


def test_long_speech_is_cut_in_its_longest_pause():
    spans = speech_spans([(0.0, 20.0)], voice(20, (6.0, 6.2), (9.0, 9.4)))
    assert [end for _, end in spans] == [pytest.approx(9.2, abs=0.02), 20.0]


@given(st.lists(st.floats(0.01, 30), min_size=2, max_size=12))
def test_no_utterance_is_too_long_and_none_overlap(steps):
    times = np.cumsum(steps)
    voices = list(zip(times[::2], times[1::2], strict=False))
    spans = speech_spans(voices, np.zeros(int(times[-1] * SAMPLE_RATE), np.float32))
    assert all(0 < b - a <= LONGEST + 1e-6 for a, b in spans)
    assert all(first[1] <= second[0] + 1e-9 for first, second in pairwise(spans))


def test_dips_are_found_where_it_is_quiet():
    (found,) = dips(voice(4, (1.0, 1.3), (2.0, 2.05)), (0.5, 3.5))
    assert found == pytest.approx((1.0, 1.3), abs=0.011)


def test_sentences_end_at_the_pause_that_is_near():
    words = "This is the first one. And here comes the second."
    cut = by_sentence((0.0, 6.0), words, voice(6, (2.7, 2.95)))
    assert [text for _, text in cut] == ["This is the first one.", "And here comes the second."]
    assert cut[0][0][1] == cut[1][0][0] == pytest.approx(2.825, abs=0.02)
    far = by_sentence((0.0, 12.0), words, voice(12, (10.0, 10.3)))
    assert far == [((0.0, 12.0), words)]


def test_sentences_of_a_text():
    assert sentences("Why? I know. ") == ["Why?", "I know."]
    assert sentences("3.5 per cent") == ["3.5 per cent"]


def test_margins_share_a_pause():
    assert with_margin([(0.1, 1.0), (1.2, 2.0)], 2.1) == [
        (0.0, pytest.approx(1.1)),
        (pytest.approx(1.1), 2.1),
    ]


def test_parts_are_never_tiny():
    assert split((0.0, 3.0), [0.2, 1.0, 1.5, 2.9]) == [(0.0, 1.0), (1.0, 3.0)]


def test_gaps_are_looked_through_in_parts():
    found = gaps([(3.0, 4.0), (5.0, 6.0)], 30.0)
    assert found[0] == (0.0, 3.0)
    assert (found[1][0], found[-1][1], len(found)) == (6.0, 30.0, 4)
    assert all(b - a <= LONGEST_SIGHT for a, b in found)
