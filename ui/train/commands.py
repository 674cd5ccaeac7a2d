"""A training request as the commands that a researcher would type, and whether it can be started. No
Streamlit.
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mmer_core.labels import Modality
from mmer_core.options import text_of
from mmer_core.runs.jobs import PROGRESS_FILE
from mmer_core.training.request import TrainRequest

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest
    from mmer_core.crossval.experiment import Experiment
    from mmer_core.evaluation.leakage import LeakageReport

_PYTHON = ("python", "-m", "mmer_core")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class PlanError(ValueError):
    """A request that cannot be started as it is; the message is one sentence."""


@dataclass(frozen=True)
class FoldCheck:
    """The folds of a corpus, and what lies on both sides.

    Attributes:
        leaks: the plan itself puts the same people on both sides (random folds).
        report: the leakage check.
        sizes: fold, training, validation, test (utterances), and how many groups are tested.
    """

    leaks: bool
    report: LeakageReport
    sizes: pd.DataFrame


def train_command(request: TrainRequest) -> tuple[str, ...]:
    """The command that cross-validates."""
    return (*_PYTHON, "train", *request.to_flags())


def extract_command(request: TrainRequest, progress: str = "") -> tuple[str, ...]:
    """The command that fills the feature store.

    Args:
        request: what is trained.
        progress: file that the command keeps its progress in; "" for none.
    """
    pairs = ",".join(f"{modality}={encoder}" for modality, encoder in encoders_to_extract(request))
    parts = [*_PYTHON, "extract", request.corpus, "--encoders", pairs]
    for name, value in request.corpus_options.items():
        parts += ["--corpus-option", f"{name}={text_of(value)}"]
    parts += ["--transcribe"] if request.transcribe else []
    parts += ["--device", request.device] if request.device != "auto" else []
    parts += ["--store", request.store] if request.store else []
    return (*parts, "--progress", progress) if progress else tuple(parts)


def commands(request: TrainRequest, *, extract: bool) -> tuple[tuple[str, ...], ...]:
    """Everything that is started, in order."""
    train = train_command(request)
    return (extract_command(request, PROGRESS_FILE), train) if extract else (train,)


def encoders_to_extract(request: TrainRequest) -> list[tuple[Modality, str]]:
    """(modality, encoder request) of every column of the feature store that is needed, those of augmented
    copies of the clips included.
    """
    found = list(request.encoded.items())
    changed = [(m, e) for m, e in found if m in (Modality.AUDIO, Modality.VISUAL)]
    for view in range(1, request.views + 1):
        found += [(m, f"{e}:augment={view}") for m, e in changed]
    return found


def experiments(request: TrainRequest) -> dict[str, Experiment]:
    """{name: what is trained}.

    Raises:
        ValueError: no features, or an option that none of the networks has.
    """
    from mmer_core.crossval.study import make_experiments

    if not request.encoders:
        raise PlanError("no features are chosen: switch on at least one modality")
    return make_experiments(request, [Modality(m) for m in request.encoders])


def run_names(request: TrainRequest) -> tuple[str, ...]:
    """The folders that the request will write.

    Raises:
        ValueError: it cannot be started.
    """
    if not _NAME.fullmatch(request.name):
        raise PlanError(
            f"{request.name!r} cannot name a run: use letters, digits, dots, hyphens and underscores, "
            "and begin with a letter or digit"
        )
    found = experiments(request)
    return (request.name,) if len(found) == 1 else tuple(f"{request.name}-{name}" for name in found)


def check_folds(request: TrainRequest, manifest: Manifest) -> FoldCheck:
    """Make the folds and search them for leaks, as training will.

    Raises:
        ValueError: the corpus cannot be split this way; one sentence says why.
    """
    from mmer_core.crossval.study import corpus_folds
    from mmer_core.evaluation import leakage
    from mmer_core.evaluation.folds import fold_of_each

    plan = request.plan
    ids, split = np.array(manifest.ids, dtype=str), manifest.table["split"].to_numpy(dtype=str)
    folds = corpus_folds(request, manifest)
    known = split if (split != "").any() else None
    report = leakage.check(manifest, fold_of_each(plan, folds, ids, known))
    groups = manifest.groups(plan.groups, required=not plan.leaks)
    rows = [
        [f.number + 1, len(f.train), len(f.validation), len(f.test), len(np.unique(groups[f.test]))]
        for f in folds
    ]
    columns = ["fold", "training", "validation", "test", f"{plan.groups}s tested"]
    return FoldCheck(plan.leaks, report, pd.DataFrame(rows, columns=columns))


def features_are_there(request: TrainRequest, manifest: Manifest) -> bool:
    """Whether the feature store has everything that is needed."""
    from mmer_core.features.store import FeatureStore, StoreError

    try:
        with closing(FeatureStore(request.store_folder)) as store:
            for _, encoder in encoders_to_extract(request):
                store.column(encoder, manifest, transcribe=request.transcribe)
    except StoreError:
        return False
    return True
