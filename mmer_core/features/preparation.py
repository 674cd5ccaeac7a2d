"""Preparation of a feature table: damaged features removed, groups standardised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mmer_core.features.table import FRAMES_AT_ONCE, FeatureColumn, FeatureTable, Scaling


def without_damage(table: FeatureTable, damaged: str = "absent") -> FeatureTable:
    """The table without NaN and infinite features, each listed in `problems`; utterances that keep no
    modality at all are left out.

    Args:
        damaged: treatment of such features: "absent" (that modality of the utterance counts as absent),
            "drop" (the utterance is left out) or "refuse".

    Raises:
        ValueError: there are some and `damaged` is "refuse", or nothing is left.
    """
    columns = dict(table.columns)
    keep = np.ones(len(table), dtype=bool)
    problems = list(table.problems)
    for modality, column in table.columns.items():
        bad = column.damaged()
        if not bad.any():
            continue
        if damaged == "refuse":
            first = table.ids[bad][0]
            raise ValueError(
                f"the {modality} features of {bad.sum()} of {len(table)} utterances are not finite "
                f"(first: {first}): extract them again"
            )
        problems += [(str(i), f"the {modality} features hold NaN or infinity") for i in table.ids[bad]]
        columns[modality] = replace(column, length=np.where(bad, 0, column.length))
        if damaged == "drop":
            keep &= ~bad
    cleaned = replace(table, columns=columns, problems=tuple(problems))
    empty = keep & ~cleaned.present.any(axis=1)
    problems += [(str(i), "no modality has usable features") for i in table.ids[empty]]
    if not (keep & ~empty).any():
        raise ValueError("no utterance has usable features: check that they were extracted from this corpus")
    return replace(cleaned, problems=tuple(problems)).take(keep & ~empty)


def normalised_by_group(table: FeatureTable) -> FeatureTable:
    """Each group's features at mean 0 and standard deviation 1 (speaker normalisation); computed when
    read, nothing is copied.

    This looks at the unlabelled features of test speakers: a run that uses it must say so.
    """
    _, group = np.unique(table.groups, return_inverse=True)
    columns = {m: replace(c, scaling=_group_scaling(c, group)) for m, c in table.columns.items()}
    return replace(table, columns=columns)


def _group_scaling(column: FeatureColumn, group: np.ndarray) -> Scaling:
    count = np.zeros((int(group.max(initial=-1)) + 1, 1))
    total, square = np.zeros((len(count), column.dim)), np.zeros((len(count), column.dim))
    shift = np.asarray(column.frames[column.start[column.length > 0][:1]], dtype=np.float64).sum(
        axis=0
    )  # near the mean: keeps the squares exact
    size = max(1, FRAMES_AT_ONCE // max(1, int(column.length.max(initial=1))))
    for begin in range(0, len(group), size):
        rows = np.arange(begin, min(begin + size, len(group)))
        frames = column.indices(rows)
        x = np.asarray(column.frames[frames], dtype=np.float64) - shift
        of = np.repeat(group[rows], column.length[rows])
        np.add.at(count, of, 1.0)
        for g in np.unique(of):
            total[g] += x[of == g].sum(axis=0)
            square[g] += np.square(x[of == g]).sum(axis=0)
    mean = total / np.maximum(count, 1)
    sd = np.sqrt(np.maximum(square / np.maximum(count, 1) - mean**2, 0))
    return Scaling(group, (mean + shift).astype(np.float32), np.where(sd > 1e-6, sd, 1.0).astype(np.float32))
