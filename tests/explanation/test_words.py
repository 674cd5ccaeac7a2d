"""Words of a text: their spans, texts without some of them, long texts by runs."""

import numpy as np
import pytest

from mmer_core.explanation import explain
from mmer_core.explanation.words import LONGEST, without, word_spans
from mmer_core.labels import Modality
from mmer_core.media.loading import text_clip
from tiny_model import make_model


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I can’t believe it!", ["I", "can’t", "believe", "it!"]),
        ("  Well , yes .", ["Well ,", "yes ."]),
        ("… no", ["… no"]),
        ("ok 😊", ["ok", "😊"]),
        ("Wow", ["Wow"]),
        ("嬉しい", ["嬉", "し", "い"]),
        ("", []),
    ],
)
def test_spans_are_the_words_with_their_marks(text, words):
    assert [text[start:end] for start, end in word_spans(text)] == words


def test_words_are_left_out_with_the_space_behind_them():
    text = "Oh,  what a day!"
    spans = word_spans(text)
    assert without(text, spans, np.array([1, 0, 1, 1], bool)) == "Oh,  a day!"
    assert without(text, spans, np.ones(4, bool)) == text
    assert without(text, spans, np.zeros(4, bool)) == ""


@pytest.mark.parametrize("count", [3, LONGEST, LONGEST + 1, 60])
def test_words_lie_in_order_and_sum_to_their_share(count):
    model = make_model()
    text = " ".join(f"word{i}." if i % 7 == 6 else f"word{i}" for i in range(count))
    words = explain(model, model.observe(text_clip(text)), [Modality.TEXT]).words
    assert words.text == text
    assert sum(word.points for word in words.words) == pytest.approx(words.share)
    ends = [0, *(word.end for word in words.words)]
    assert all(end <= word.start < word.end for end, word in zip(ends, words.words, strict=False))
    assert "".join(words.said(word).replace(" ", "") for word in words.words) == text.replace(" ", "")
    assert (len(words.words) < count) == (count > LONGEST)
