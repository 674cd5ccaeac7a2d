"""The worth of each modality: Shapley shares of the scores of a finished run, exact, from its stored
out-of-fold predictions.

A run stores the predictions of every modality subset, so nothing here is sampled or trained again; only the
intervals resample speakers. With no modality at all a model has its class prior left and predicts the class
that is most frequent in its training part; that is where whole scores start from. For the recall of one class
that start would be 1 for the frequent class and 0 for all others, so there the start is a guess drawn by
class frequency: its recall of a class is the class's frequency.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mmer_core import metrics
from mmer_core.evaluation import statistics
from mmer_core.evaluation.attribution import shapley_values
from mmer_core.labels import Modality, in_order
from mmer_core.runs.subset_predictions import NOTHING, Subset, SubsetPredictions


@dataclass(frozen=True)
class Shares:
    """A score as a sum: `start` plus each modality's Shapley share is `total`. All float64, scalars or (C,).

    Attributes:
        start: v(none), the score without any modality.
        total: v(all), the score with all.
        value: {modality: share}.
        low: {modality: lower end of its 95 % interval by bootstrap over groups}; NaN with a single group.
        high: {modality: upper end}.
    """

    start: np.ndarray
    total: np.ndarray
    value: dict[Modality, np.ndarray]
    low: dict[Modality, np.ndarray]
    high: dict[Modality, np.ndarray]


def score_shares(
    predictions: SubsetPredictions,
    metric: str = "accuracy",
    *,
    resamples: int = statistics.RESAMPLES,
    seed: int = 0,
) -> Shares:
    """Each modality's Shapley share (Shapley 1953) of a whole score; scalars. The start is the majority
    class's score.

    Args:
        metric: one of `metrics.SCORES`.
        resamples: bootstrap samples of the groups, for the intervals.
        seed: of the bootstrap.
    """
    C = len(predictions.labels)
    tables = {
        s: statistics.group_confusions(predictions.truth, p, predictions.groups, C)
        for s, p in predictions.predicted.items()
    }
    return _shares(
        predictions.modalities, tables, lambda stack: metrics.stacked_scores(stack)[metric], resamples, seed
    )


def recall_shares(
    predictions: SubsetPredictions, *, resamples: int = statistics.RESAMPLES, seed: int = 0
) -> Shares:
    """Each modality's Shapley share of the recall of each class; all (C,), NaN for a class that does not
    occur.

    The start is the recall of a guess by class frequency. The mean over the classes is the share of UA,
    whichever of the two starts is taken.
    """
    C = len(predictions.labels)
    tables = {
        s: statistics.group_confusions(predictions.truth, p, predictions.groups, C)
        for s, p in predictions.predicted.items()
        if s
    }
    names, index = np.unique(predictions.groups, return_inverse=True)
    guess = np.zeros((len(names), C, C))
    np.add.at(guess, (index, predictions.truth), predictions.frequencies)
    return _shares(
        predictions.modalities,
        {**tables, NOTHING: guess},
        lambda stack: metrics.per_class(stack)["recall"],
        resamples,
        seed,
    )


def _shares(
    modalities: tuple[Modality, ...],
    tables: Mapping[Subset, np.ndarray],
    score: Callable[[np.ndarray], np.ndarray],
    resamples: int,
    seed: int,
) -> Shares:
    """Shapley shares of a score of (G, C, C) confusion matrices per subset, with intervals from the same
    draws of groups for all subsets.
    """
    draws = statistics.whole_and_resampled(len(tables[NOTHING]), resamples=resamples, seed=seed)
    scores = {s: score(statistics.pooled(table, draws)) for s, table in tables.items()}
    shares = shapley_values(modalities, scores.__getitem__)
    ends = {m: _ends(v) for m, v in shares.items()}
    return Shares(
        scores[NOTHING][0],
        scores[frozenset(modalities)][0],
        {m: v[0] for m, v in shares.items()},
        {m: e[0] for m, e in ends.items()},
        {m: e[1] for m, e in ends.items()},
    )


def _ends(values: np.ndarray) -> np.ndarray:
    """(2, ...): ends of the 95 % percentile interval of values[1:]; NaN where there are none or the figure
    itself is unknown.
    """
    ends = np.full((2, *values.shape[1:]), np.nan)
    known = ~np.isnan(values[0])
    if len(values) > 1:
        ends[:, known] = np.nanquantile(values[1:][:, known], [0.025, 0.975], axis=0)
    return ends


def clip_shares(probabilities: Mapping[Subset, np.ndarray]) -> dict[Modality, np.ndarray]:
    """Exact Shapley values of one clip, {modality: (C,)}: each column sums to the probability with all
    modalities minus the prior.

    Args:
        probabilities: {subset: (C,)} of every subset of what is present and switched on, the empty one (the
            prior) included.
    """
    return shapley_values(in_order(m for subset in probabilities for m in subset), probabilities.__getitem__)
