"""Small studies on drawn features, and their runs."""

from __future__ import annotations

from typing import Any

from feature_tables import make_table

from mmer_core.crossval.experiment import Experiment, Study
from mmer_core.evaluation.folds import FoldPlan, make_folds
from mmer_core.features.table import FeatureTable


def make_study(
    table: FeatureTable | None = None,
    *,
    side_by_side: bool = False,
    folds: int = 3,
    seed: int = 0,
    **plan: Any,
) -> Study:
    """A study of a table, by default a complete one."""
    table = make_table() if table is None else table
    cut = FoldPlan(folds=folds, seed=seed, **plan)
    return Study(
        table,
        make_folds(cut, y=table.y, groups=table.groups, ids=table.ids, labels=table.labels),
        seed,
        side_by_side,
    )


def record_of(study: Study, experiment: Experiment) -> dict[str, Any]:
    """What a run of it starts with."""
    return {
        "labels": list(study.table.labels),
        "corpus": {"name": "synthetic"},
        "plan": {},
        "command": "",
        "seed": study.seed,
        **experiment.settings(),
    }
