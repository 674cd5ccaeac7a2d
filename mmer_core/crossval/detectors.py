"""Out-of-distribution detectors of the final model, with limits from utterances that were not fitted on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mmer_core.crossval.experiment import Study
from mmer_core.crossval.trainer import FittedDetector, both_parts
from mmer_core.features.table import FRAMES_AT_ONCE, FeatureColumn
from mmer_core.labels import Modality
from mmer_core.uncertainty.out_of_distribution import HELD_OUT_WITHIN, MahalanobisDetector

ROWS_AT_MOST = 4000  # utterances that a covariance is estimated from, drawn where there are more
FOLDS_AT_MOST = 5  # folds that the limit is measured on, where there are more
FEWEST = 10  # utterances that a covariance is estimated from at least


def fit(
    study: Study, modalities: Sequence[Modality], done: dict[Modality, FittedDetector]
) -> tuple[dict[Modality, MahalanobisDetector], dict[str, Any], list[str]]:
    """Fit a detector of each modality to all utterances of a study.

    The limit comes from the folds: a detector fitted to the training part gives the distances of the test
    part. Modalities that too few utterances have get none.

    Args:
        study: features and folds.
        modalities: of which to fit one.
        done: {modality: what was fitted before}, which runs of one study share; filled in here.

    Returns:
        The detectors; {modality: {which inputs: {n, flagged}}} for the card, flagged in [0, 1]; and sentences
        about what was left out to save time.
    """
    found, figures = {}, {}
    for modality in modalities:
        if modality not in done:
            done[modality] = _fit_one(study, modality)
        if (fitted := done[modality]) is not None:
            found[modality], figures[modality.value] = fitted
    return found, figures, list(_left_out(study)) if found else []


def _fit_one(study: Study, modality: Modality) -> FittedDetector:
    column = study.table.columns[modality]
    vectors, there = clip_means(column), np.flatnonzero(column.length > 0)
    held_out = _held_out_distances(study, vectors, column.length > 0)
    if len(there) < FEWEST or not len(held_out):
        return None
    limit = float(np.quantile(held_out, HELD_OUT_WITHIN))
    flagged = round(float((held_out > limit).mean()), 6)
    detector = replace(_fitted(vectors[_sample(there, study.seed)]), limit=limit)
    return detector, {"utterances of folds left out": {"n": len(held_out), "flagged": flagged}}


def _left_out(study: Study) -> Iterator[str]:
    if len(study.table) > ROWS_AT_MOST:
        yield (
            f"Its detectors of unusual input were fitted on {ROWS_AT_MOST:,} utterances, drawn from "
            f"{len(study.table):,}."
        )
    if len(study.folds) > FOLDS_AT_MOST:
        yield (
            f"The limits of its detectors of unusual input were measured on {FOLDS_AT_MOST} of "
            f"{len(study.folds)} folds."
        )


def _held_out_distances(study: Study, vectors: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Distances of the utterances that the first folds test."""
    found = [np.zeros(0)]
    for fold in study.folds[:FOLDS_AT_MOST]:
        train, test = (rows[there[rows]] for rows in (both_parts(fold), fold.test))
        if len(train) >= FEWEST and len(test):
            found.append(_fitted(vectors[_sample(train, study.seed)]).distances(vectors[test]))
    return np.concatenate(found)


def _fitted(vectors: np.ndarray) -> MahalanobisDetector:
    return MahalanobisDetector.fit(vectors, vectors[:1])  # its limit is replaced


def _sample(rows: np.ndarray, seed: int) -> np.ndarray:
    if len(rows) <= ROWS_AT_MOST:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, ROWS_AT_MOST, replace=False))


def clip_means(column: FeatureColumn) -> np.ndarray:
    """(N, D) float32: the mean over the frames of each utterance as the encoder gives them, without scaling
    by speaker; 0 where the modality is absent.
    """
    raw = replace(column, scaling=None)
    means = np.zeros((len(column.start), column.dim), dtype=np.float32)
    size = max(1, FRAMES_AT_ONCE // max(1, int(column.length.max(initial=1))))
    for begin in range(0, len(means), size):
        rows = np.arange(begin, min(begin + size, len(means)))
        frames = np.asarray(raw.frames[raw.indices(rows)], dtype=np.float64)
        sums = np.zeros((len(rows), column.dim))
        np.add.at(sums, np.repeat(np.arange(len(rows)), raw.length[rows]), frames)
        means[rows] = sums / np.maximum(raw.length[rows], 1)[:, None]
    return means
