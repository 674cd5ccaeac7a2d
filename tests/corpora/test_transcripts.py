"""Words of utterances: repaired, normalised, compared."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmer_core.corpora.transcripts import near_pairs, normalised, repaired


@pytest.mark.parametrize(
    ("mangled", "meant"),
    [
        ("It\u0092s \u0093fine\u0094\u0085", "It’s “fine”…"),
        ("Itâ€™s late", "It’s late"),
        ("cafÃ©", "café"),
        ("two\u00a0words \t here", "two words here"),
        ("Ross’s café — “fine”", "Ross’s café — “fine”"),
        ("Âge, Ã, â", "Âge, Ã, â"),
    ],
)
def test_encodings_are_repaired_and_good_text_is_left_alone(mangled, meant):
    assert repaired(mangled) == meant


@pytest.mark.parametrize(
    ("text", "plain"),
    [("Oh, it's YOU!", "oh its you"), ("It’s  me…", "its me"), ("Café 9", "cafe 9"), ("?!", "")],
)
def test_normalised_keeps_letters_and_digits(text, plain):
    assert normalised(text) == plain


def similarity(a: str, b: str) -> float:
    x, y = ({f" {t} "[i : i + 3] for i in range(len(t))} for t in (a, b))
    return len(x & y) / len(x | y)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("abc ", min_size=1, max_size=14), max_size=12, unique=True),
    st.sampled_from([0.5, 0.8, 1.0]),
)
def test_near_pairs_are_exactly_the_pairs_above_the_threshold(texts, near):
    found = {frozenset(pair) for pair in near_pairs(texts, near)}
    expected = {
        frozenset((a, b)) for i, a in enumerate(texts) for b in texts[:i] if similarity(a, b) >= near - 1e-9
    }
    assert found == expected
