"""The part of a recording in which somebody is heard, whatever lies around it."""

import numpy as np
import pytest

from mmer_core.clip import SAMPLE_RATE
from mmer_core.media.voice_activity import AROUND, cut, spoken_part

RNG = np.random.default_rng(0)
VOICE = (0.1 * RNG.standard_normal(SAMPLE_RATE)).astype(np.float32)


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def around(before: float, after: float) -> np.ndarray:
    return np.concatenate([silence(before), VOICE, silence(after)])


@pytest.mark.parametrize(("before", "after"), [(0, 0), (0.1, 0), (3, 0), (0, 5), (20, 20)])
def test_silence_around_a_voice_changes_nothing(before, after):
    recording = around(before, after)
    part = spoken_part(recording, [(before + 0.1, before + 0.8)])
    assert part == (
        round((before - AROUND) * SAMPLE_RATE),
        round((before + 1 + AROUND) * SAMPLE_RATE),
    )
    assert np.array_equal(cut(recording, part), around(AROUND, AROUND))


def test_without_the_detector_the_level_decides():
    assert np.array_equal(cut(around(2, 1), spoken_part(around(2, 1), ())), around(AROUND, AROUND))


def test_what_is_loud_far_from_the_voice_does_not_count():
    door = np.concatenate([5 * VOICE[:1600], silence(3), VOICE, silence(1)])
    start, end = spoken_part(door, [(3.2, 3.9)])
    assert start / SAMPLE_RATE == pytest.approx(3.1 - AROUND, abs=0.02)
    assert end / SAMPLE_RATE == pytest.approx(4.1 + AROUND, abs=0.02)


@pytest.mark.parametrize("samples", [0, 100, SAMPLE_RATE])
def test_silence_stays_whole(samples):
    assert spoken_part(np.zeros(samples, np.float32), ()) == (0, samples)
