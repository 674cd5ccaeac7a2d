import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmer_core.evaluation.attribution import shapley_values
from mmer_core.labels import Modality

THREE = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)
SUBSETS = [frozenset(m for i, m in enumerate(THREE) if mask >> i & 1) for mask in range(8)]


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_values_sum_to_the_score_of_all_minus_the_score_of_none(scores):
    table = dict(zip(SUBSETS, scores, strict=True))
    shares = shapley_values(THREE, table.__getitem__)
    assert sum(shares.values()) == pytest.approx(table[frozenset(THREE)] - table[frozenset()], abs=1e-9)


def test_a_modality_that_never_changes_the_score_gets_nothing():
    shares = shapley_values(THREE, lambda s: 0.2 + 0.3 * (Modality.TEXT in s) + 0.1 * (Modality.VISUAL in s))
    assert shares == pytest.approx({Modality.TEXT: 0.3, Modality.AUDIO: 0.0, Modality.VISUAL: 0.1})


def test_two_that_only_count_together_share_equally():
    shares = shapley_values(THREE, lambda s: float({Modality.TEXT, Modality.AUDIO} <= s))
    assert shares == pytest.approx({Modality.TEXT: 0.5, Modality.AUDIO: 0.5, Modality.VISUAL: 0.0})


def test_nobody_present_gives_an_empty_table():
    assert shapley_values((), lambda s: 0.4) == {}
