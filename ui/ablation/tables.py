"""The figures of the ablation page as tables to take away; scores in [0, 1]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mmer_core.labels import Modality
from mmer_core.runs.ablation import Shares
from mmer_core.runs.robustness import Case, Robustness


def confusion_rows(confusion: np.ndarray, labels: Sequence[str]) -> pd.DataFrame:
    """Counts, one row for each true class."""
    table = pd.DataFrame(confusion, columns=list(labels))
    table.insert(0, "shown", list(labels))
    return table


def subset_rows(scores: Mapping[str, Mapping[str, Sequence[float | None]]]) -> pd.DataFrame:
    """One row for each subset, from {subset: {metric: [value, low, high]}}."""
    return pd.DataFrame(
        [
            {
                "subset": subset,
                **{
                    f"{m}{end}": v
                    for m, s in row.items()
                    for end, v in zip(("", "_low", "_high"), s, strict=True)
                },
            }
            for subset, row in scores.items()
        ]
    )


def share_rows(shares: Shares) -> pd.DataFrame:
    """The start, each modality's share with its interval, and the total, one row each."""
    rows = [
        {"part": m.value, "share": shares.value[m], "low": shares.low[m], "high": shares.high[m]}
        for m in shares.value
    ]
    return pd.DataFrame(
        [{"part": "none", "share": shares.start}, *rows, {"part": "total", "share": shares.total}],
        dtype=object,
    )


def recall_rows(shares: Shares, labels: Sequence[str]) -> pd.DataFrame:
    """One row for each emotion: start, shares with their intervals, total."""
    columns = {
        f"{m.value}{end}": part[m]
        for m in shares.value
        for end, part in (("", shares.value), ("_low", shares.low), ("_high", shares.high))
    }
    return pd.DataFrame({"emotion": list(labels), "none": shares.start, **columns, "total": shares.total})


def case_rows(cases: Sequence[Case], names: Mapping[str, str]) -> pd.DataFrame:
    """One row for each way in which two modalities relate."""
    return pd.DataFrame(
        [{"case": names[c.kind], "n": c.n, "share": c.share, "fused_right": c.fused_right} for c in cases]
    )


def robustness_rows(result: Robustness) -> pd.DataFrame:
    """One row for each share of clips, one column for each curve."""
    without = {f"without_{m.value}": curve for m, curve in result.without.items()}
    others = {
        "one_at_random": result.random,
        "worst_for_each_clip": result.worst,
        "each_independently": result.independent,
    }
    return pd.DataFrame({"missing": result.missing, **without, **others})


def clip_rows(
    labels: Sequence[str], prior: np.ndarray, shares: Mapping[Modality, np.ndarray], total: np.ndarray
) -> pd.DataFrame:
    """One row for each emotion of one clip: prior, shares, answer."""
    return pd.DataFrame(
        {"emotion": list(labels), "prior": prior, **{m.value: v for m, v in shares.items()}, "answer": total}
    )
