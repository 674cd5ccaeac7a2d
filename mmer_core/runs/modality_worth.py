"""Which modality a run depends on most, in one sentence: the loss of macro-F1 when each is taken away."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from mmer_core import metrics
from mmer_core.evaluation import statistics
from mmer_core.evaluation.statistics import Interval
from mmer_core.labels import Modality
from mmer_core.runs.subset_predictions import SubsetPredictions

METRIC = "macro_f1"
_MOST: dict[Modality, str] = {
    Modality.TEXT: "Words matter most here: without them",
    Modality.AUDIO: "The voice matters most here: without it",
    Modality.VISUAL: "The face matters most here: without it",
    Modality.METADATA: "The place in the dialogue matters most here: without it",
}
_WITHOUT: dict[Modality, str] = {
    Modality.TEXT: "without the words",
    Modality.AUDIO: "without the voice",
    Modality.VISUAL: "without the face",
    Modality.METADATA: "without the place in the dialogue",
}


def losses(
    predictions: SubsetPredictions,
    metric: str = METRIC,
    *,
    resamples: int = statistics.RESAMPLES,
    seed: int = 0,
) -> dict[Modality, Interval]:
    """The loss of a score when one modality is taken from all, {modality: score with all minus score without
    it}, with 95 % intervals by paired bootstrap over groups: the same speakers are drawn for both.

    Args:
        predictions: of every subset, out of fold.
        metric: one of `metrics.SCORES`.
        resamples: bootstrap samples.
        seed: of the bootstrap.
    """
    classes = len(predictions.labels)

    def scores(subset: frozenset[Modality], draws: np.ndarray) -> np.ndarray:
        tables = statistics.group_confusions(
            predictions.truth, predictions.predicted[subset], predictions.groups, classes
        )
        return np.asarray(metrics.stacked_scores(statistics.pooled(tables, draws))[metric])

    G = len(np.unique(predictions.groups))
    draws = statistics.whole_and_resampled(G, resamples=resamples, seed=seed)
    full = scores(predictions.full, draws)
    found = {}
    for modality in predictions.modalities:
        loss = full - scores(predictions.full - {modality}, draws)
        low, high = np.nanquantile(loss[1:], [0.025, 0.975]) if G > 1 else (np.nan, np.nan)
        found[modality] = Interval(float(loss[0]), float(low), float(high))
    return found


def clearly_first(found: Mapping[Modality, Interval]) -> Modality | None:
    """The modality whose loss is larger than that of every other, its interval above all of theirs and above
    0; None if there is none.
    """
    first = max(found, key=lambda m: found[m].value)
    others = [loss.high for m, loss in found.items() if m is not first]
    return first if found[first].low > max([0.0, *others]) else None


def worth_sentence(found: Mapping[Modality, Interval]) -> str:
    """The answer to "which modality matters?", with the figures behind it.

    Args:
        found: as `losses` gives it for macro-F1, two modalities or more.
    """
    order = sorted(found, key=lambda m: -found[m].value)
    if np.isnan(found[order[0]].low):
        return "There are too few speakers to say which modality matters most."
    first = clearly_first(found)
    beginning = _WITHOUT[order[0]] if first is None else _MOST[first]
    parts = [f"{beginning} macro-F1 {_change(found[order[0]], ci='95 % CI ')}"]
    parts += [f"{_WITHOUT[m]} it {_change(found[m])}" for m in order[1:]]
    text = "; ".join(parts)
    return f"{text}." if first else f"No modality matters clearly more here: {text}."


def _change(loss: Interval, ci: str = "") -> str:
    """ "falls by 12.3 points (95 % CI 9.8 to 14.9)"; where the interval holds 0, that it may be luck."""
    value, low, high = (round(100 * v, 1) for v in (loss.value, loss.low, loss.high))
    if not value:
        return f"hardly changes ({ci}{_signed(low)} to {_signed(high)})"
    verb = "falls by" if value > 0 else "rises by"
    ends = (low, high) if value > 0 else (-high, -low)
    text = f"{verb} {abs(value):.1f} points ({ci}{_signed(ends[0])} to {_signed(ends[1])})"
    return f"{text}, which may be luck" if low <= 0 <= high else text


def _signed(points: float) -> str:
    return f"{points + 0.0:.1f}".replace("-", "−")
