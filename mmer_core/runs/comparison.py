"""Finished runs against each other, on the utterances that all of them predicted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from mmer_core import statistics
from mmer_core.runs.run import CVRun, RunError


@dataclass(frozen=True)
class Comparison:
    """Two runs.

    Attributes:
        first: name of the one, second: name of the other.
        test: scores, difference and p-values.
        p_bootstrap: corrected after Holm over all pairs.
        p_mcnemar: corrected after Holm over all pairs.
    """

    first: str
    second: str
    test: statistics.PairedTest
    p_bootstrap: float
    p_mcnemar: float

    def to_json(self) -> dict[str, Any]:
        """Unknown figures are null."""
        flat = asdict(self)
        test = flat.pop("test")
        test["difference"] = list(test["difference"].values())
        flat |= {f"{k}_uncorrected" if k.startswith("p_") else k if k not in ("first", "second") else f"{k}_score": v for k, v in test.items()}
        return {k: [_known(x) for x in v] if isinstance(v, list) else _known(v) for k, v in flat.items()}

    def sentence(self) -> str:
        """The result for a person."""
        t = self.test
        d = t.difference
        ends = "" if d.low != d.low else f" [{100 * d.low:+.1f}, {100 * d.high:+.1f}]"
        surer = "the interval leaves out 0" if d.low > 0 or d.high < 0 else "the interval holds 0: no difference is shown"
        return (
            f"{100 * t.first:.1f} and {100 * t.second:.1f}: {100 * d.value:+.1f} points{ends}, p {self.p_bootstrap:.3g} (bootstrap), "
            f"{self.p_mcnemar:.3g} (McNemar: only the first right {t.only_first}, only the second {t.only_second}); {surer}"
        )


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def compare(runs: Sequence[CVRun], *, metric: str = "accuracy", subset: str | None = None, seed: int = 0) -> list[Comparison]:
    """Every pair of runs, on the utterances that all of them predicted; repeats are averaged first.

    Args:
        runs: finished ones, two or more, with the same labels.
        metric: one of `metrics.SCORES`.
        subset: a modality subset that all have; default all modalities of each.
        seed: of the bootstrap.

    Raises:
        RunError: unfinished, other labels, no utterance in common, or different truths for one.
    """
    labels = runs[0].labels
    for run in runs:
        if not run.finished:
            raise RunError(f"{run.path} is {run.record['status']}: only finished runs can be compared")
        if run.labels != labels:
            raise RunError(
                f"{run.path} has the classes {', '.join(run.labels)} and {runs[0].path} has {', '.join(labels)}: compare runs with the same classes"
            )
    tables = [answers(run, subset) for run in runs]
    shared = tables[0].index
    for table in tables[1:]:
        shared = shared.intersection(table.index)
    shared = shared.sort_values()
    if not len(shared):
        raise RunError("the runs share no utterance: compare runs of the same corpus")
    truth = tables[0].loc[shared, "y_true"].to_numpy()
    for run, table in zip(runs, tables, strict=True):
        if (table.loc[shared, "y_true"].to_numpy() != truth).any():
            raise RunError(f"{run.path} and {runs[0].path} do not agree on the true class of an utterance: they are of different corpora")
    groups = np.array([runs[0].groups[i] for i in shared], dtype=str)
    predicted = [table.loc[shared, "predicted"].to_numpy() for table in tables]
    tests = [
        (a, b, statistics.paired(truth, predicted[a], predicted[b], groups, len(labels), metric=metric, seed=seed))
        for a, b in combinations(range(len(runs)), 2)
    ]
    bootstrap = statistics.holm([t.p_bootstrap for _, _, t in tests])
    mcnemar = statistics.holm([t.p_mcnemar for _, _, t in tests])
    return [Comparison(runs[a].name, runs[b].name, t, p, q) for (a, b, t), p, q in zip(tests, bootstrap, mcnemar, strict=True)]


def answers(run: CVRun, subset: str | None = None) -> pd.DataFrame:
    """y_true and predicted class of every utterance, index its id; probabilities of repeats are averaged."""
    table = run.predictions(subset)
    mean = table.set_index("id")
    if not mean.index.is_unique:
        mean = table.groupby("id").agg({"y_true": "first", **dict.fromkeys(run.probability_columns, "mean")})
    return pd.DataFrame({"y_true": mean["y_true"], "predicted": mean[run.probability_columns].to_numpy().argmax(axis=1)}, index=mean.index)
