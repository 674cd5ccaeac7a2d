"""Long texts are read by the sentence, and what is said again is read once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmer_core.clip import Clip
from mmer_core.encoders.backends.passages import LONGEST, passages
from mmer_core.encoders.minilm import MiniLmEncoder

SENTENCES = ("The meeting is at nine.", "I am so angry with you!", "Who told you that?")


def pieces(text: str) -> int:
    return len(text.split())


def test_a_short_text_is_read_as_it_is():
    assert passages("Oh my God.  You came all this way!", pieces) == ["Oh my God.  You came all this way!"]


def test_a_long_text_is_read_by_the_sentence():
    sentences = [f"This is sentence number {n} of many." for n in range(20)]
    assert passages(" ".join(sentences), pieces) == sentences


@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4), st.integers(2, 60))
def test_repeating_a_sentence_changes_nothing(sentences, times):
    once = passages(" ".join(sentences), pieces)
    assert passages(" ".join(s for s in sentences for _ in range(times)), pieces) == once


def test_a_long_sentence_without_an_end_stays_whole():
    text = "and then " * LONGEST
    assert passages(text, pieces) == [text]


@pytest.fixture(scope="module")
def minilm():
    return MiniLmEncoder()


@pytest.mark.parametrize("times", [2, 20, 40])
def test_the_features_of_a_repeated_sentence_are_those_of_one(minilm, times):
    def encode(text):
        return minilm.encode(Clip("t", "", "text", text=text))

    assert np.array_equal(encode(SENTENCES[0]), encode(" ".join([SENTENCES[0]] * times)))
