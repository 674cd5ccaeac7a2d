"""The gain of a run's network over a linear model on the same features, in sentences. Free of Streamlit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmer_core.runs.run import CVRun
from ui.figure import gain, score

_NAMES = {"accuracy": "accuracy", "ua": "UA", "weighted_f1": "weighted F1", "macro_f1": "macro F1"}
LINEAR = "Linear model on the same features"


def linear_baseline(run: CVRun, subset: str | None = None) -> dict[str, Any]:
    """The linear baseline of a run, as `crossval.baseline.compare_with` gives it; {} where the run has none,
    or for other modalities than all that it has.
    """
    found = (run.record.get("baselines") or {}).get("linear") if subset in (None, run.full) else None
    return dict(found) if isinstance(found, dict) else {}


def added_sentences(run: CVRun, subset: str | None = None) -> list[str]:
    """The scores of the linear baseline, and the paired test of the run against it; none for a run without
    it.
    """
    linear = linear_baseline(run, subset)
    if not linear:
        return []
    scores = ", ".join(
        f"{_NAMES[m]} {score(linear[m])} %" for m in ("accuracy", "ua", "weighted_f1") if linear.get(m)
    )
    first = f"Logistic regression on the pooled features, in the same folds: {scores}."
    paired = linear.get("paired")
    return [first, _paired_sentence(paired)] if isinstance(paired, Mapping) else [first]


def _paired_sentence(paired: Mapping[str, Any]) -> str:
    """The verdict of the paired test; only what its interval bears out."""
    value, low, high = paired["difference"]
    metric = _NAMES.get(paired.get("metric", "accuracy"), "the score")
    if low is None or high is None:
        verdict = "There are too few groups to say whether the network is better"
    elif low > 0:
        verdict = "The network is better"
    elif high < 0:
        verdict = "The linear model is better"
    else:
        verdict = "No difference is shown"
    p = paired.get("p_bootstrap")
    chance = "" if p is None else f", p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}"
    return (
        f"{verdict}: {gain(value, low, high)} points of {metric}, paired over the same {paired['n']:,} clips"
        f"{chance}."
    )
