"""Late fusion by majority vote."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_features import CLASSES, DIMS

from mmer_core import fusion


def votes_of(*classes):
    """(1, M, C) unimodal predictions that vote so."""
    return 5.0 * torch.nn.functional.one_hot(torch.tensor([classes]), CLASSES).float()


def decide(classes, present=None):
    model = fusion.create("late_vote", dims=DIMS, classes=CLASSES).eval()
    shares = model.shares(torch.tensor([present or [True] * len(classes)]))
    return model.combine(votes_of(*classes), shares)


@pytest.mark.parametrize(
    ("votes", "winner"),
    [((3, 3, 1), 3), ((6, 2, 2), 2), ((5, 1, 3), 1), ((6, 2), 2), ((4, 4, 0, 0), 0), ((5,), 5)],
    ids=str,
)
def test_the_majority_wins_and_a_tie_goes_to_the_lowest_class(votes, winner):
    assert decide(votes).argmax(1).item() == winner


@settings(deadline=None)
@given(votes=st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=4), data=st.data())
def test_only_present_modalities_vote(votes, data):
    present = data.draw(st.lists(st.booleans(), min_size=len(votes), max_size=len(votes)).filter(any))
    cast = [v for v, p in zip(votes, present, strict=True) if p]
    expected = min(set(cast), key=lambda c: (-cast.count(c), c))
    assert decide(votes, present).argmax(1).item() == expected


def test_votes_become_probabilities_with_half_a_vote_for_every_class():
    probabilities = decide((2, 2, 4)).softmax(1)[0]
    assert probabilities[2] == pytest.approx(2.5 / 6.5, abs=1e-3)
    assert probabilities[4] == pytest.approx(1.5 / 6.5, abs=1e-3)
    assert probabilities[0] == pytest.approx(0.5 / 6.5, abs=1e-3)
