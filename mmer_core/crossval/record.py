"""What run.json says about a run before it is trained, and the table a terminal shows when it is done."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from mmer_core import __version__, fusion, leakage
from mmer_core.corpora import Manifest
from mmer_core.crossval.cross_validation import SELECTION
from mmer_core.crossval.experiment import Experiment, Study
from mmer_core.folds import FoldPlan, fold_of_each

_PACKAGES = ("torch", "numpy", "scikit-learn", "scipy", "pandas")


def shared(study: Study, manifest: Manifest, plan: FoldPlan, *, command: str, speaker_normalised: bool = False) -> dict[str, Any]:
    """What all runs of one command have in common.

    Args:
        study: features and folds.
        manifest: the utterances of the study.
        plan: how they were cut.
        command: what repeats the run.
        speaker_normalised: whether features were standardised by speaker.
    """
    features = study.table
    report = leakage.check(manifest, fold_of_each(plan, study.folds, features.ids, features.split))
    counts = np.bincount(features.y, minlength=len(features.labels))
    notes = list(manifest.notes)
    if plan.leaks:
        notes.append("The folds are random: the same people are in training and test, and the figures are higher than for new people.")
    if speaker_normalised:
        notes.append("Features were standardised by speaker, which looks at the unlabelled data of test speakers.")
    return {
        "corpus": {
            "name": manifest.corpus,
            "fingerprint": manifest.fingerprint,
            "n": len(features),
            "classes": dict(zip(features.labels, counts.tolist(), strict=True)),
            "groups": len(np.unique(features.groups)),
            "problems": [list(p) for p in features.problems],
        },
        "labels": list(features.labels),
        "speaker_normalised": speaker_normalised,
        "plan": plan.to_json(),
        "leaks": plan.leaks,
        "leakage": report.to_json(),
        "selection": SELECTION,
        "side_by_side": study.side_by_side,
        "seed": plan.seed,
        "notes": notes,
        "command": command,
        "versions": {"mmer": __version__, "python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
    }


def settings(study: Study, experiment: Experiment) -> dict[str, Any]:
    """What is trained: features, fusion model with all its options, training settings, search."""
    found = experiment.settings()
    own = study.table.using(experiment.modalities)
    found["features"] = {str(m): {"encoder": own.sources.get(m, ""), "dim": d} for m, d in own.dims.items()}
    found["fusion"]["options"] = fusion.factory(experiment.fusion).Options.from_json(experiment.options).to_json()  # type: ignore[attr-defined]
    return found


def table(record: Mapping[str, Any]) -> str:
    """The figures of a finished run as a text table: one line for each modality subset, then the lines to beat."""

    def cell(figure: list[float | None]) -> str:
        value, low, high = figure
        ends = "" if low is None or high is None else f" [{100 * low:.1f}, {100 * high:.1f}]"
        return f"{'-' if value is None else f'{100 * value:.1f}'}{ends}"

    lines = [f"{'modalities':<24}{'accuracy':<22}{'UA':<22}{'weighted F1':<22}ECE (calibrated)"]
    for subset, row in record["metrics"].items():
        ece = f"{100 * row['ece']:.1f} ({100 * row['ece_calibrated']:.1f})"
        lines.append(f"{subset:<24}{cell(row['accuracy']):<22}{cell(row['ua']):<22}{cell(row['weighted_f1']):<22}{ece}")
    base = record["baselines"]
    majority = base["majority"]
    lines.append(f"{'majority class':<24}{100 * majority['accuracy']:<22.1f}{100 * majority['ua']:<22.1f}{100 * majority['weighted_f1']:<22.1f}")
    lines.append(f"{'chance':<24}{100 * base['chance']:<22.1f}{100 * base['chance']:<22.1f}")
    return "\n".join(lines)
