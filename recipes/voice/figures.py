"""Figures of the voice network: unheard speakers of its corpora, and corpora that it has not heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mmer_core import metrics
from mmer_core.labels import EMOTIONS
from recipes.left_out import LeftOut, strangers, usable
from recipes.voice.folds import READINGS, logits_of

KNOWN = {"as_recorded": "nothing"}  # readings by what is known of the speaker, where they differ
EQUAL = np.full(len(EMOTIONS), 1 / len(EMOTIONS))


def within(table: pd.DataFrame) -> dict[str, Any]:
    """Scores by corpus, reading and gender of speakers that were not learned from."""
    result: dict[str, Any] = {}
    for corpus, rows in table.groupby("corpus"):
        found: dict[str, Any] = {name: _score(rows, name) for name in READINGS}
        found |= {
            str(gender): {k: v for k, v in _score(part).items() if k in ("n", "ua")}
            for gender, part in rows.groupby("gender")
        }
        answers = logits_of(rows).argmax(axis=1)
        recall = metrics.per_class(metrics.confusion_matrix(_truth(rows), answers, len(EMOTIONS)))["recall"]
        found["recall"] = {
            emotion: round(float(r), 4) for emotion, r in zip(EMOTIONS, recall, strict=True) if np.isfinite(r)
        }
        result[str(corpus)] = found
    return result


def spread(tables: Sequence[pd.DataFrame]) -> dict[str, Any]:
    """Mean and standard deviation of the UA over the seeds; empty for a single seed.

    Args:
        tables: of each seed, see `folds.table_of`.
    """
    if len(tables) < 2:
        return {}
    result: dict[str, Any] = {}
    for corpus in sorted(set(tables[0]["corpus"])):
        for name in READINGS:
            ua = np.array([_score(table[table["corpus"] == corpus], name)["ua"] for table in tables])
            result.setdefault(corpus, {})[name] = {
                "ua_mean": round(float(ua.mean()), 4),
                "ua_sd": round(float(ua.std(ddof=1)), 4),
            }
    return {f"cross_validation, {len(tables)} seeds": result}


def left_out(table: pd.DataFrame, reading: str) -> dict[str, LeftOut]:
    """{corpus: what was said of it} in one reading."""
    return {
        str(corpus): LeftOut(logits_of(rows, reading), _truth(rows), rows["group"].to_numpy(str))
        for corpus, rows in table.groupby("corpus", sort=False)
    }


def apart(table: pd.DataFrame) -> dict[str, Any]:
    """Scores of every left-out corpus in every reading, and what was left out of them."""
    found: dict[str, Any] = {
        KNOWN.get(name, name): strangers(left_out(table, name), EQUAL, EQUAL) for name in READINGS
    }
    reasons: Mapping[str, str] = usable(left_out(table, "as_recorded"))[1]
    return found | ({"left_out": dict(reasons)} if reasons else {})


def _truth(rows: pd.DataFrame) -> np.ndarray:
    return np.array([EMOTIONS.index(label) for label in rows["label"]])


def _score(rows: pd.DataFrame, reading: str = "as_recorded") -> dict[str, float]:
    found = metrics.score_predictions(_truth(rows), logits_of(rows, reading))
    return {name: round(value, 4) for name, value in found.items()}
