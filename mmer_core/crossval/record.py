"""The record of a run before it is trained: run.json without its results."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np

from mmer_core import __version__
from mmer_core.corpora import Manifest
from mmer_core.corpora.manifest import GROUP_COLUMNS
from mmer_core.crossval.experiment import Experiment, Study, options_of
from mmer_core.evaluation import leakage
from mmer_core.evaluation.folds import fold_of_each
from mmer_core.training.request import TrainRequest

_PACKAGES = ("torch", "numpy", "scikit-learn", "scipy", "pandas")
SELECTION = (
    "Epoch, settings and temperature of each fold were chosen on its validation part, cut from its "
    "training part; the test part was only predicted."
)


def shared(study: Study, manifest: Manifest, request: TrainRequest) -> dict[str, Any]:
    """The part of run.json that all runs of one request have in common.

    Args:
        study: features and folds.
        manifest: the utterances of the study.
        request: what was asked for.
    """
    plan = request.plan
    features = study.table
    report = leakage.check(manifest, fold_of_each(plan, study.folds, features.ids, features.split))
    counts = np.bincount(features.y, minlength=len(features.labels))
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
        "speaker_normalised": request.speaker_normalise,
        "plan": plan.to_json(),
        "leaks": plan.leaks,
        "leakage": report.to_json(),
        "selection": SELECTION,
        "side_by_side": study.side_by_side,
        "seed": plan.seed,
        "notes": [*manifest.notes, *_notes(request, manifest)],
        "request": request.to_json(),
        "command": shlex.join(request.command),
        "versions": {
            "mmer": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES},
        },
    }


def _notes(request: TrainRequest, manifest: Manifest) -> Iterator[str]:
    unknown = int((manifest.table[GROUP_COLUMNS[request.plan.groups]] == "").sum())
    if unknown:
        yield (
            f"The {request.plan.groups} of {unknown} of {len(manifest)} utterances is unknown; intervals "
            "resample these utterance by utterance."
        )
    if request.plan.leaks:
        yield (
            "The folds are random: the same people are in training and test, and the figures are "
            "higher than for new people."
        )
    if request.speaker_normalise:
        yield "Features were standardised by speaker, which looks at the unlabelled data of test speakers."


def settings(study: Study, experiment: Experiment) -> dict[str, Any]:
    """The part of run.json that one run has for itself: features, fusion network with all its options,
    training settings, search.
    """
    found = experiment.settings()
    own = study.table.using(experiment.modalities)
    found["features"] = {str(m): {"encoder": own.sources.get(m, ""), "dim": d} for m, d in own.dims.items()}
    found["fusion"]["options"] = options_of(experiment)
    return found
