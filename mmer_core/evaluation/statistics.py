"""Confidence intervals of figures and paired tests of two runs. Utterances of one speaker are alike, so
speakers are what is resampled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmer_core import metrics

RESAMPLES = 2000
EXACT_BELOW = 25  # discordant pairs under which McNemar's exact test replaces the chi-squared one


@dataclass(frozen=True)
class Interval:
    """A figure with the ends of its percentile interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedTest:
    """Two runs on the same utterances.

    Attributes:
        n: utterances compared.
        metric: what `first`, `second` and `difference` are.
        first: the first run's score, in [0, 1].
        second: the second run's.
        difference: second minus first, with its 95 % interval by bootstrap over speakers.
        p_bootstrap: two-sided, from the same bootstrap.
        p_mcnemar: two-sided, on which utterances each got right (McNemar 1947).
        only_first: utterances that only the first run got right.
        only_second: utterances that only the second run got right.
    """

    n: int
    metric: str
    first: float
    second: float
    difference: Interval
    p_bootstrap: float
    p_mcnemar: float
    only_first: int
    only_second: int


def group_confusions(
    truth: np.ndarray, predicted: np.ndarray, groups: np.ndarray, classes: int
) -> np.ndarray:
    """(G, C, C) int64: one confusion matrix for each group, groups in sorted order."""
    names, index = np.unique(groups, return_inverse=True)
    flat = (index * classes + np.asarray(truth)) * classes + np.asarray(predicted)
    return np.bincount(flat, minlength=len(names) * classes * classes).reshape(len(names), classes, classes)


def resample(groups: int, *, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """(R, G) float64: how often each group is drawn in each bootstrap sample of G groups."""
    draws = np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=resamples)
    return draws.astype(np.float64)


def whole_and_resampled(groups: int, *, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """(1 + R, G) float64: every group once, then `resample`; the first row alone for a single group."""
    whole = np.ones((1, groups))
    if groups < 2:
        return whole
    return np.concatenate([whole, resample(groups, resamples=resamples, seed=seed)])


def pooled(confusions: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """(R, C, C) float64: the confusion matrices (G, C, C) of the groups that each row of (R, G) draws."""
    groups, classes, _ = confusions.shape
    return (draws @ confusions.reshape(groups, -1)).reshape(-1, classes, classes)


def _bootstrap(confusions: np.ndarray, draws: np.ndarray) -> dict[str, np.ndarray]:
    """Scores (R,) of every bootstrap sample."""
    return metrics.stacked_scores(pooled(confusions, draws))


def intervals(
    truth: np.ndarray,
    predicted: np.ndarray,
    groups: np.ndarray,
    classes: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Interval]:
    """accuracy, ua, macro_f1 and weighted_f1 with percentile intervals by bootstrap over groups (Efron 1979).

    Args:
        truth: (N,) class indices.
        predicted: (N,) class indices.
        groups: (N,) speakers, or whatever makes utterances alike. With a single group the ends are NaN:
            nothing can be resampled.
        classes: C.
    """
    confusions = group_confusions(truth, predicted, groups, classes)
    values = metrics.scores(confusions.sum(axis=0))
    samples = (
        _bootstrap(confusions, resample(len(confusions), resamples=resamples, seed=seed))
        if len(confusions) > 1
        else None
    )
    result = {}
    for name in metrics.SCORES:
        low, high = (float("nan"),) * 2 if samples is None else _ends(samples[name], level)
        result[name] = Interval(values[name], low, high)
    return result


def mean_interval(
    values: np.ndarray, groups: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0, level: float = 0.95
) -> Interval:
    """The mean of N figures with its percentile interval by bootstrap over groups; NaN ends with a single
    group.
    """
    _, index = np.unique(groups, return_inverse=True)
    sums, counts = np.bincount(index, weights=values), np.bincount(index)
    if len(counts) < 2:
        return Interval(float(np.mean(values)), float("nan"), float("nan"))
    draws = resample(len(counts), resamples=resamples, seed=seed)
    return Interval(float(np.mean(values)), *_ends((draws @ sums) / (draws @ counts), level))


def _ends(samples: np.ndarray, level: float) -> tuple[float, float]:
    low, high = np.nanquantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's test: exact binomial with few discordant pairs, else chi-squared with
    continuity correction.

    Args:
        only_first: items that only the first model got right.
        only_second: items that only the second got right.
    """
    from scipy import stats

    discordant = only_first + only_second
    if discordant == 0:
        return 1.0
    if discordant < EXACT_BELOW:
        return float(stats.binomtest(only_first, discordant, 0.5).pvalue)
    return float(stats.chi2.sf((abs(only_first - only_second) - 1) ** 2 / discordant, 1))


def paired(
    truth: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    groups: np.ndarray,
    classes: int,
    *,
    metric: str = "accuracy",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> PairedTest:
    """Compare two sets of predictions of the same utterances.

    Args:
        truth: (N,) class indices.
        first: (N,) classes the first run predicted.
        second: (N,) classes the second run predicted.
        groups: (N,) speakers; both runs are resampled together.
        classes: C.
        metric: one of `metrics.SCORES`.

    Raises:
        ValueError: unknown metric, or nothing to compare.
    """
    if metric not in metrics.SCORES:
        raise ValueError(f"unknown metric {metric!r}: choose one of {', '.join(metrics.SCORES)}")
    if not len(truth):
        raise ValueError("the runs share no utterance: compare runs of the same corpus")
    tables = [group_confusions(truth, predicted, groups, classes) for predicted in (first, second)]
    values = [metrics.scores(t.sum(axis=0))[metric] for t in tables]
    difference = Interval(values[1] - values[0], float("nan"), float("nan"))
    p = float("nan")
    if len(tables[0]) > 1:
        draws = resample(len(tables[0]), resamples=resamples, seed=seed)
        samples = _bootstrap(tables[1], draws)[metric] - _bootstrap(tables[0], draws)[metric]
        difference = Interval(difference.value, *_ends(samples, 0.95))
        # +1: the p-value of a finite bootstrap is never 0 (Davison & Hinkley 1997).
        p = min(1.0, 2 * (min((samples <= 0).sum(), (samples >= 0).sum()) + 1) / (resamples + 1))
    right = first == truth, second == truth
    only_first, only_second = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    return PairedTest(
        len(truth),
        metric,
        values[0],
        values[1],
        difference,
        float(p),
        mcnemar(only_first, only_second),
        only_first,
        only_second,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down correction: adjusted p-values in the given order; NaN stays NaN and does not
    count.
    """
    p = np.asarray(p_values, dtype=float)
    adjusted = np.full_like(p, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    running = 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(order) - rank) * p[i]))
        adjusted[i] = running
    return adjusted.tolist()


def to_json(intervals: dict[str, Interval]) -> dict[str, Any]:
    """{metric: [value, low, high]}, unknown ends as null."""
    return {
        name: [None if math.isnan(v) else round(float(v), 6) for v in (i.value, i.low, i.high)]
        for name, i in intervals.items()
    }
