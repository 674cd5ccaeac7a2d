"""Answers to recordings that are unlike the training data are softened as far as they deserve it, and no others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmer_core.calibration import negative_log_likelihood
from mmer_core.default_model.voice_caution import Distant, fit_caution, unheard_figures
from mmer_core.labels import EMOTIONS

C = len(EMOTIONS)


def answers(seed: int, distance: float, worth: float, n: int = 3000) -> Distant:
    """Calibrated logits about `worth` strong, claimed at strength 2: what is worth less is too sure of itself."""
    rng = np.random.default_rng(seed)
    honest = worth * rng.normal(size=(n, C))
    p = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    labels = (p.cumsum(1) > rng.random((n, 1))).argmax(1)
    return Distant(honest * 2 / worth, labels, np.full(n, distance))


HEARD = answers(0, 0.9, 2.0)


def test_the_caution_is_what_the_distance_takes_away() -> None:
    """At distance 2 the logits are worth half of what they claim: they must be divided by 2, which is a caution of 1."""
    caution, temperature = fit_caution(HEARD, [answers(1, 2.0, 1.0)])
    assert caution == pytest.approx(1, abs=0.1)
    assert temperature == pytest.approx(1, abs=0.05)


def test_where_a_new_corpus_is_read_as_well_nothing_is_softened() -> None:
    caution, _ = fit_caution(HEARD, [answers(1, 2.0, 2.0)])
    assert caution == pytest.approx(0, abs=0.05)


def test_each_corpus_counts_alike_whatever_its_size() -> None:
    parts = [answers(1, 2.0, 1.0, 4000), answers(2, 2.0, 2.0, 400)]
    caution, _ = fit_caution(HEARD, parts)
    large, _ = fit_caution(HEARD, [parts[0], answers(2, 2.0, 2.0, 4000)])
    assert caution == pytest.approx(large, abs=0.1)
    assert 0.1 < caution < 0.9


@given(st.floats(0, 5), st.floats(0, 4), st.floats(0.2, 5))
def test_softening_changes_no_decision_and_never_makes_surer(caution: float, distance: float, temperature: float) -> None:
    part = Distant(HEARD.logits[:50], HEARD.labels[:50], np.full(50, distance))
    plain, soft = part.softened(0, temperature), part.softened(caution, temperature)
    assert (plain.argmax(1) == soft.argmax(1)).all()
    assert (soft.max(1) <= plain.max(1) + 1e-9).all()
    assert np.exp(soft).sum(1) == pytest.approx(1)


def test_a_corpus_is_judged_by_a_caution_that_has_not_seen_it() -> None:
    """The caution for each comes from the other: where the other is read well, there is none, and the error stays."""
    worse, well = answers(1, 2.0, 1.0), answers(2, 2.0, 2.0)
    figures = unheard_figures(HEARD, {"a": worse, "b": well})
    assert figures["a"]["ece_with_caution"] == pytest.approx(figures["a"]["ece"], abs=0.02)
    both = unheard_figures(HEARD, {"a": worse, "b": answers(3, 2.0, 1.0)})
    assert both["a"]["ece_with_caution"] < 0.03 < both["a"]["ece"]
    assert both["a"]["cross_entropy_with_caution"] < both["a"]["cross_entropy"]
    assert both["a"]["n"] == 3000


def test_it_reads_the_table_of_the_training() -> None:
    table = pd.DataFrame({"label": ["joy", "fear"], "distance": [1.0, 2.0]} | {f"logit_{name}": [float(i), 0.0] for i, name in enumerate(EMOTIONS)})
    part = Distant.of(table)
    assert part.labels.tolist() == [EMOTIONS.index("joy"), EMOTIONS.index("fear")]
    assert part.logits[0].tolist() == list(range(C))
    assert part.distances.tolist() == [1, 2]
    assert negative_log_likelihood(part.softened(1, 1), part.labels) > 0
