"""The temperature rises with the distance from the training data as far as accuracy falls, and no further."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmer_core.labels import EMOTIONS
from mmer_core.uncertainty.calibration import negative_log_likelihood
from recipes.voice.temperature import UnseenRecordings, fit_temperature_slope, unseen_corpora_figures

C = len(EMOTIONS)


def recordings(seed: int, distance: float, worth: float, n: int = 1500) -> UnseenRecordings:
    """Calibrated logits about `worth` strong, stated at strength 2: those worth less are overconfident."""
    rng = np.random.default_rng(seed)
    honest = worth * rng.normal(size=(n, C))
    p = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    labels = (p.cumsum(1) > rng.random((n, 1))).argmax(1)
    return UnseenRecordings(honest * 2 / worth, labels, np.full(n, distance))


SPEAKERS = recordings(0, 0.9, 2.0)


def test_the_slope_is_the_loss_with_the_distance() -> None:
    """At distance 2 the logits are worth half of what they state: they must be divided by 2, a slope of 1."""
    temperature_slope, temperature = fit_temperature_slope(SPEAKERS, [recordings(1, 2.0, 1.0)])
    assert temperature_slope == pytest.approx(1, abs=0.1)
    assert temperature == pytest.approx(1, abs=0.05)


def test_where_an_unseen_corpus_is_read_as_well_the_temperature_stays() -> None:
    temperature_slope, _ = fit_temperature_slope(SPEAKERS, [recordings(1, 2.0, 2.0)])
    assert temperature_slope == pytest.approx(0, abs=0.05)


def test_each_corpus_counts_alike_whatever_its_size() -> None:
    parts = [recordings(1, 2.0, 1.0, 4000), recordings(2, 2.0, 2.0, 400)]
    temperature_slope, _ = fit_temperature_slope(SPEAKERS, parts)
    large, _ = fit_temperature_slope(SPEAKERS, [parts[0], recordings(2, 2.0, 2.0, 4000)])
    assert temperature_slope == pytest.approx(large, abs=0.1)
    assert 0.1 < temperature_slope < 0.9


@given(st.floats(0, 5), st.floats(0, 4), st.floats(0.2, 5))
def test_a_slope_changes_no_decision_and_raises_no_confidence(
    temperature_slope: float, distance: float, temperature: float
) -> None:
    part = UnseenRecordings(SPEAKERS.logits[:50], SPEAKERS.labels[:50], np.full(50, distance))
    plain, soft = (
        part.log_probabilities(0, temperature),
        part.log_probabilities(temperature_slope, temperature),
    )
    assert (plain.argmax(1) == soft.argmax(1)).all()
    assert (soft.max(1) <= plain.max(1) + 1e-9).all()
    assert np.exp(soft).sum(1) == pytest.approx(1)


def test_a_corpus_is_scored_at_a_slope_that_was_fitted_without_it() -> None:
    """The slope for each comes from the other: where that one is read well it is 0, and the error stays."""
    worse, well = recordings(1, 2.0, 1.0), recordings(2, 2.0, 2.0)
    figures = unseen_corpora_figures(SPEAKERS, {"a": worse, "b": well})
    assert figures["a"]["ece_scaled"] == pytest.approx(figures["a"]["ece"], abs=0.02)
    both = unseen_corpora_figures(SPEAKERS, {"a": worse, "b": recordings(3, 2.0, 1.0)})
    assert both["a"]["ece_scaled"] < 0.04 < both["a"]["ece"]
    assert both["a"]["cross_entropy_scaled"] < both["a"]["cross_entropy"]
    assert both["a"]["n"] == 1500


def test_it_reads_the_table_of_the_training() -> None:
    table = pd.DataFrame(
        {"label": ["joy", "fear"], "distance": [1.0, 2.0]}
        | {f"logit_{name}": [float(i), 0.0] for i, name in enumerate(EMOTIONS)}
    )
    part = UnseenRecordings.of(table)
    assert part.labels.tolist() == [EMOTIONS.index("joy"), EMOTIONS.index("fear")]
    assert part.logits[0].tolist() == list(range(C))
    assert part.distances.tolist() == [1, 2]
    assert negative_log_likelihood(part.log_probabilities(1, 1), part.labels) > 0
