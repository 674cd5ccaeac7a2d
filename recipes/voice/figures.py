"""Figures of the voice network by corpus, gender and variant, and their spread over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from mmer_core import metrics
from mmer_core.labels import EMOTIONS

SHIPPED_FOLD = 0
#: Variants on which held-out speakers are measured (see `augmentation`).
MEASURED: dict[str, int] = {"as_recorded": 0, "over_a_call": 3, "in_a_room": 4}


def figures(table: pd.DataFrame) -> dict[str, Any]:
    """Scores by corpus, gender and variant: over all folds, and for the speakers that the shipped network did
    not learn from.
    """
    return {
        "cross_validation": _by_corpus(table),
        "held_out": _by_corpus(table[table["fold"] == SHIPPED_FOLD]),
    }


def spread(tables: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Mean and standard deviation over the seeds of the UA over all folds; empty for a single seed.

    Args:
        tables: of each seed, see `folds.validation_table`.
    """
    if len(tables) < 2:
        return {}
    result: dict[str, Any] = {}
    for corpus in sorted(set(tables[0]["corpus"])):
        for name in MEASURED:
            ua = np.array([_score(table[table["corpus"] == corpus], name)["ua"] for table in tables])
            result.setdefault(corpus, {})[name] = {
                "ua_mean": round(float(ua.mean()), 4),
                "ua_sd": round(float(ua.std(ddof=1)), 4),
            }
    return {f"cross_validation, {len(tables)} seeds": result}


def _by_corpus(table: pd.DataFrame) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for corpus, rows in table.groupby("corpus"):
        found: dict[str, Any] = {name: _score(rows, name) for name in MEASURED}
        found |= {
            str(gender): {k: v for k, v in _score(part).items() if k in ("n", "ua")}
            for gender, part in rows.groupby("gender")
        }
        confusion = metrics.confusion_matrix(_truth(rows), _probabilities(rows).argmax(axis=1), len(EMOTIONS))
        recall = metrics.per_class(confusion)["recall"]
        found["recall"] = {
            emotion: round(float(r), 4) for emotion, r in zip(EMOTIONS, recall, strict=True) if np.isfinite(r)
        }
        result[str(corpus)] = found
    return result


def _truth(rows: pd.DataFrame) -> np.ndarray:
    return np.array([EMOTIONS.index(label) for label in rows["label"]])


def _probabilities(rows: pd.DataFrame, variant: str = "as_recorded") -> np.ndarray:
    suffix = "" if variant == "as_recorded" else f"_{variant}"
    logits = rows[[f"logit_{emotion}{suffix}" for emotion in EMOTIONS]].to_numpy(np.float32)
    return torch.softmax(torch.tensor(logits), dim=1).numpy()


def _score(rows: pd.DataFrame, variant: str = "as_recorded") -> dict[str, float]:
    return {
        k: round(v, 4)
        for k, v in metrics.score_predictions(_truth(rows), _probabilities(rows, variant)).items()
    }
