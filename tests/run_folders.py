"""Small finished runs on disk, as training writes them, with figures computed from their predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmer_core.evaluation.folds import Fold
from mmer_core.labels import EMOTIONS, Modality, subset_name, subsets
from mmer_core.runs.run import RECORD, CVRun
from mmer_core.runs.summary import baselines, summarise
from mmer_core.runs.writer import RunWriter

FOLDS, SPEAKERS = 3, 6
#: How much evidence each modality gives, in units of the noise; together they give the sum.
EVIDENCE = {Modality.TEXT: 0.6, Modality.AUDIO: 1.5, Modality.VISUAL: 1.0, Modality.METADATA: 0.1}


def write_run(
    folder: Path,
    *,
    labels: Sequence[str] = EMOTIONS[:4],
    modalities: Sequence[Modality] = (Modality.AUDIO, Modality.VISUAL),
    n: int = 120,
    seed: int = 0,
    evidence: float = 1.0,
    corpus: str = "crema_d",
    fusion: str = "early",
    ids: Sequence[str] | None = None,
    truth: np.ndarray | None = None,
    parts: Sequence[str] = ("",),
    **record: Any,
) -> CVRun:
    """A finished run of `n` utterances by six speakers in three folds of two.

    Args:
        folder: of the run; its last part is the run's name.
        labels: class names.
        modalities: that it has; predictions are written for all their subsets.
        n: utterances.
        seed: of the predictions.
        evidence: how good the run is; 0 is chance.
        corpus: name of the corpus.
        fusion: name of the fusion model.
        ids: of the utterances; default u000, u001...
        truth: (n,) class indices; default each class in turn.
        parts: of the training history.
        record: changes to run.json, such as `command`.
    """
    rng = np.random.default_rng(seed)
    ids = [f"u{i:03d}" for i in range(n)] if ids is None else list(ids)
    y = np.arange(len(ids)) % len(labels) if truth is None else np.asarray(truth)
    speaker = (np.arange(len(ids)) // len(labels)) % SPEAKERS
    fold = speaker % FOLDS
    predictions = pd.concat(
        [
            _predictions(rng, ids, fold, y, labels=labels, subset=subset, evidence=evidence)
            for subset in subsets(modalities)
        ],
        ignore_index=True,
    )
    group_of = {id_: f"speaker {s}" for id_, s in zip(ids, speaker, strict=True)}
    temperatures = {subset_name(s): [1.0 + 0.25 * k for k in range(FOLDS)] for s in subsets(modalities)}
    cut = [
        Fold(k, np.flatnonzero(fold != k), np.zeros(0, dtype=np.int64), np.flatnonzero(fold == k))
        for k in range(FOLDS)
    ]
    with RunWriter(folder, settings(labels, modalities, y, corpus, fusion) | record) as writer:
        writer.write_folds(_folds(ids, group_of, fold))
        writer.finish(
            predictions,
            _history(parts),
            {
                "metrics": summarise(predictions, temperatures, group_of, labels),
                "temperatures": temperatures,
                "baselines": baselines(y, cut, len(labels)),
                "chosen": [
                    {"fold": k, "best_epoch": dict.fromkeys(parts, 2), "validation_score": -0.5}
                    for k in range(FOLDS)
                ],
            },
        )
    return CVRun.open(folder)


def settings(
    labels: Sequence[str],
    modalities: Sequence[Modality],
    y: np.ndarray,
    corpus: str = "crema_d",
    fusion: str = "early",
) -> dict[str, Any]:
    """What run.json says before training."""
    counts = np.bincount(y, minlength=len(labels)).tolist()
    return {
        "labels": list(labels),
        "modalities": [str(m) for m in modalities],
        "corpus": {
            "name": corpus,
            "fingerprint": "0" * 64,
            "n": len(y),
            "classes": dict(zip(labels, counts, strict=True)),
            "groups": SPEAKERS,
            "problems": [],
        },
        "fusion": {"name": fusion, "options": {"hidden": [8]}},
        "training": {"optimizer": "adam", "epochs": 3, "select_by": "loss"},
        "search": {"grid": {}, "trials": 0},
        "features": {str(m): {"encoder": "given", "dim": 4} for m in modalities},
        "plan": {
            "kind": "group",
            "groups": "speaker",
            "folds": FOLDS,
            "repeat": 1,
            "validation": 0.2,
            "seed": 0,
        },
        "leaks": False,
        "leakage": {
            "verdict": "clean",
            "reason": "Nothing is on both sides.",
            "overlaps": [],
            "folds": {},
            "unknown": [],
        },
        "selection": "On validation speakers.",
        "seed": 0,
        "notes": [],
        "request": {"corpus": f"{corpus}:nowhere/{corpus}", "fusion": [fusion]},
        "command": f"python -m mmer_core train --manifest {corpus}:nowhere/{corpus} "
        f"--fusion {fusion} --folds {FOLDS}",
        "versions": {"mmer": "0.1.0"},
    }


def edit(folder: Path, **changes: Any) -> Path:
    """Change run.json by hand, as somebody might."""
    path = folder / RECORD
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changes), encoding="utf-8")
    return folder


def _predictions(
    rng: np.random.Generator,
    ids: Sequence[str],
    fold: np.ndarray,
    y: np.ndarray,
    *,
    labels: Sequence[str],
    subset: Sequence[Modality],
    evidence: float,
) -> pd.DataFrame:
    logits = rng.normal(size=(len(ids), len(labels)))
    logits[np.arange(len(ids)), y] += evidence * sum(EVIDENCE[m] for m in subset)
    p = np.exp(logits)
    p /= p.sum(axis=1, keepdims=True)
    table = pd.DataFrame(
        {
            "id": ids,
            "fold": fold.astype(np.int16),
            "subset": subset_name(subset),
            "y_true": y.astype(np.int16),
        }
    )
    return table.assign(**{f"p_{label}": p[:, i].astype(np.float32) for i, label in enumerate(labels)})


def _folds(ids: Sequence[str], group_of: Mapping[str, str], fold: np.ndarray) -> pd.DataFrame:
    parts = [
        pd.DataFrame(
            {
                "id": ids,
                "group": [group_of[i] for i in ids],
                "fold": k,
                "role": np.where(fold == k, "test", "train"),
            }
        )
        for k in range(FOLDS)
    ]
    return pd.concat(parts, ignore_index=True)


def _history(parts: Sequence[str]) -> pd.DataFrame:
    rows = [
        {
            "fold": k,
            "part": part,
            "epoch": e,
            "train_loss": 1.0 / e,
            "validation_loss": 1.2 / e,
            "validation_accuracy": 0.3 + 0.1 * e,
            "learning_rate": 0.001,
        }
        for k in range(FOLDS)
        for part in parts
        for e in (1, 2, 3)
    ]
    return pd.DataFrame(rows).assign(best=lambda t: t["epoch"] == 2)
