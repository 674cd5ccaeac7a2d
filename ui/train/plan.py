"""What the training form says, as the command lines that a researcher would type, and what can be told before they are started. No Streamlit."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import pandas as pd

from mmer_core.commands.extract import STORE
from mmer_core.config import CHECKPOINTS, ROOT
from mmer_core.labels import Modality

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest
    from mmer_core.crossval.experiment import Experiment
    from mmer_core.leakage import LeakageReport

GIVEN = "given"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class PlanError(ValueError):
    """The form cannot be started as it is; the message is one sentence."""


@dataclass(frozen=True)
class TrainingPlan:
    """One filled form.

    Attributes:
        spec: the corpus as `corpora.read` takes it.
        corpus_options: NAME=VALUE, for its reader.
        encoders: (modality, encoder or "given") pairs.
        fusions: names of fusion models.
        fold_flags: flags of `train` that say how the corpus is cut.
        train_flags: flags of `train` that say how the models are trained.
        name: of the run's folder.
        out: the folder of runs.
        jobs: processes of the feature extraction; 0 leaves it to the command.
    """

    spec: str
    corpus_options: tuple[str, ...]
    encoders: tuple[tuple[Modality, str], ...]
    fusions: tuple[str, ...]
    fold_flags: tuple[str, ...]
    train_flags: tuple[str, ...]
    name: str
    out: Path
    jobs: int = 0

    @property
    def encoded(self) -> dict[Modality, str]:
        """{modality: encoder} of the features that did not come with the corpus."""
        return {m: e for m, e in self.encoders if e != GIVEN}

    @property
    def extract_command(self) -> tuple[str, ...]:
        """What fills the feature store."""
        parts = ["python", "-m", "mmer_core", "extract", self.spec, "--encoders", _pairs(self.encoded.items()), *self._reader_flags]
        return (*parts, "--jobs", str(self.jobs)) if self.jobs else tuple(parts)

    @property
    def train_command(self) -> tuple[str, ...]:
        """What cross-validates."""
        what = ["--manifest", self.spec, *self._reader_flags, "--encoders", _pairs(self.encoders), "--fusion", ",".join(self.fusions)]
        where = ["--name", self.name, *(() if self.out == CHECKPOINTS / "runs" else ("--out", str(self.out)))]
        return ("python", "-m", "mmer_core", "train", *what, *self.fold_flags, *self.train_flags, *where)

    def commands(self, *, extract: bool) -> tuple[tuple[str, ...], ...]:
        """Everything that is started, in order."""
        return (self.extract_command, self.train_command) if extract else (self.train_command,)

    @property
    def _reader_flags(self) -> list[str]:
        return [part for option in self.corpus_options for part in ("--corpus-option", option)]


@dataclass(frozen=True)
class FoldCheck:
    """How a corpus is cut, and what lies on both sides.

    Attributes:
        leaks: the plan itself puts the same people on both sides (random folds).
        report: the leakage check.
        sizes: fold, training, inner, test (utterances), and how many groups are tested.
    """

    leaks: bool
    report: LeakageReport
    sizes: pd.DataFrame


class _Parser(argparse.ArgumentParser):
    """Says what is wrong instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        raise PlanError(message)


def parsed(plan: TrainingPlan) -> argparse.Namespace:
    """The plan's training command as the command line itself reads it; PlanError in its words."""
    from mmer_core.commands import train

    parser = _Parser(add_help=False)
    train.add_arguments(parser)
    return parser.parse_args(list(plan.train_command[4:]))


def experiments(plan: TrainingPlan) -> dict[str, Experiment]:
    """{name: what is trained}; ValueError in the words of the command line."""
    from mmer_core.commands.train_request import make_experiments

    if not plan.encoders:
        raise PlanError("no features are chosen: switch on at least one modality")
    if not plan.fusions:
        raise PlanError("no fusion model is chosen: choose at least one")
    return make_experiments(parsed(plan), [m for m, _ in plan.encoders])


def run_names(plan: TrainingPlan) -> tuple[str, ...]:
    """The folders that the plan will write.

    Raises:
        ValueError: the plan cannot be started.
    """
    if not _NAME.fullmatch(plan.name):
        raise PlanError(f"{plan.name!r} cannot name a run: use letters, digits, dots, hyphens and underscores, and begin with a letter or digit")
    found = experiments(plan)
    return (plan.name,) if len(found) == 1 else tuple(f"{plan.name}-{name}" for name in found)


def check_folds(plan: TrainingPlan, manifest: Manifest) -> FoldCheck:
    """Cut the corpus and look for leaks, as training will.

    Raises:
        ValueError: it cannot be cut this way; one sentence says why.
    """
    from mmer_core import leakage
    from mmer_core.commands.train_request import fold_plan, given_folds
    from mmer_core.folds import cut, fold_of_each

    args = parsed(plan)
    how = fold_plan(args)
    groups, ids, split = manifest.groups(how.groups), np.array(manifest.ids, dtype=str), manifest.table["split"].to_numpy(dtype=str)
    known = split if (split != "").any() else None
    folds = cut(how, y=manifest.y, groups=groups, ids=ids, labels=manifest.labels, split=known, given=given_folds(args, manifest, how))
    report = leakage.check(manifest, fold_of_each(how, folds, ids, known))
    rows = [[f.number + 1, len(f.train), len(f.inner), len(f.test), len(np.unique(groups[f.test]))] for f in folds]
    return FoldCheck(how.leaks, report, pd.DataFrame(rows, columns=["fold", "training", "inner", "test", f"{how.groups}s tested"]))


def features_are_there(manifest: Manifest, encoders: Mapping[Modality, str], store: Path = ROOT / STORE) -> bool:
    """Whether the feature store has everything that is asked for."""
    from mmer_core.extraction.store import FeatureStore, StoreError

    try:
        opened = FeatureStore(store)
    except StoreError:
        return False
    try:
        for encoder in encoders.values():
            opened.column(encoder, manifest)
    except StoreError:
        return False
    finally:
        opened.close()
    return True


def _pairs(encoders: Iterable[tuple[Modality, str]]) -> str:
    return ",".join(f"{modality}={encoder}" for modality, encoder in encoders)
