"""Paired tests between finished runs, on the utterances that all of them predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmer_core.evaluation import statistics
from mmer_core.runs.run import CVRun, RunError


@dataclass(frozen=True)
class Comparison:
    """A paired test between two runs.

    Attributes:
        first: name of the one.
        second: name of the other.
        test: scores, difference and p-values.
        p_bootstrap: corrected by Holm's method over all pairs.
        p_mcnemar: corrected by Holm's method over all pairs.
    """

    first: str
    second: str
    test: statistics.PairedTest
    p_bootstrap: float
    p_mcnemar: float

    def to_json(self) -> dict[str, Any]:
        """Return all fields; unknown figures are null."""
        flat = asdict(self)
        test = flat.pop("test")
        test["difference"] = list(test["difference"].values())
        flat |= {
            f"{k}_uncorrected"
            if k.startswith("p_")
            else k
            if k not in ("first", "second")
            else f"{k}_score": v
            for k, v in test.items()
        }
        return {k: [_known(x) for x in v] if isinstance(v, list) else _known(v) for k, v in flat.items()}

    def sentence(self) -> str:
        """The result in words."""
        t = self.test
        d = t.difference
        ends = "" if d.low != d.low else f" [{100 * d.low:+.1f}, {100 * d.high:+.1f}]"
        surer = (
            "the interval leaves out 0"
            if d.low > 0 or d.high < 0
            else "the interval holds 0: no difference is shown"
        )
        return (
            f"{100 * t.first:.1f} and {100 * t.second:.1f}: {100 * d.value:+.1f} points{ends}, p "
            f"{self.p_bootstrap:.3g} (bootstrap), "
            f"{self.p_mcnemar:.3g} (McNemar: only the first right {t.only_first}, only the second "
            f"{t.only_second}); {surer}"
        )


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def compare(
    runs: Sequence[CVRun | str | Path],
    *,
    metric: str = "accuracy",
    subset: str | None = None,
    seed: int = 0,
) -> list[Comparison]:
    """Compare every pair of runs on the utterances that all of them predicted; the probabilities of repeats
    are averaged first.

    Args:
        runs: finished ones or their folders, two or more, with the same labels.
        metric: one of `metrics.SCORES`.
        subset: a modality subset that all have; default all modalities of each.
        seed: of the bootstrap.

    Raises:
        RunError: unfinished, other labels, no utterance in common, or different truths for one.
        ValueError: fewer than two runs.
    """
    if len(runs) < 2:
        raise ValueError("nothing to compare: name two runs or more")
    opened = [CVRun.open(run) if isinstance(run, str | Path) else run for run in runs]
    tables = _tables(opened, subset)
    shared = tables[0].index
    truth = tables[0]["y_true"].to_numpy()
    groups = np.array([opened[0].groups[i] for i in shared], dtype=str)
    predicted = [table["predicted"].to_numpy() for table in tables]
    classes = len(opened[0].labels)
    tests = [
        (
            a,
            b,
            statistics.paired(truth, predicted[a], predicted[b], groups, classes, metric=metric, seed=seed),
        )
        for a, b in combinations(range(len(opened)), 2)
    ]
    bootstrap = statistics.holm([t.p_bootstrap for _, _, t in tests])
    mcnemar = statistics.holm([t.p_mcnemar for _, _, t in tests])
    return [
        Comparison(opened[a].name, opened[b].name, t, p, q)
        for (a, b, t), p, q in zip(tests, bootstrap, mcnemar, strict=True)
    ]


def _tables(runs: Sequence[CVRun], subset: str | None) -> list[pd.DataFrame]:
    """`predicted_classes` of each run, all with the same rows in the same order."""
    labels = runs[0].labels
    for run in runs:
        if not run.finished:
            raise RunError(f"{run.path} is {run.record['status']}: only finished runs can be compared")
        if run.labels != labels:
            raise RunError(
                f"{run.path} has the classes {', '.join(run.labels)} and {runs[0].path} has "
                f"{', '.join(labels)}: compare runs with the same classes"
            )
    tables = [predicted_classes(run, subset) for run in runs]
    shared = tables[0].index
    for table in tables[1:]:
        shared = shared.intersection(table.index)
    if not len(shared):
        raise RunError("the runs share no utterance: compare runs of the same corpus")
    tables = [table.loc[shared.sort_values()] for table in tables]
    for run, table in zip(runs, tables, strict=True):
        if (table["y_true"] != tables[0]["y_true"]).any():
            raise RunError(
                f"{run.path} and {runs[0].path} do not agree on the true class of an utterance: they "
                "are of different corpora"
            )
    return tables


def predicted_classes(run: CVRun, subset: str | None = None) -> pd.DataFrame:
    """y_true and predicted class of every utterance, index its id; probabilities of repeats are averaged."""
    table = run.predictions(subset)
    mean = table.set_index("id")
    if not mean.index.is_unique:
        mean = table.groupby("id").agg({"y_true": "first", **dict.fromkeys(run.probability_columns, "mean")})
    return pd.DataFrame(
        {"y_true": mean["y_true"], "predicted": mean[run.probability_columns].to_numpy().argmax(axis=1)},
        index=mean.index,
    )
