"""Cross-validate fusion models on a corpus; the run can be looked at, compared and used when it is done.

Folds keep speakers apart unless another kind is asked for by name. A command that was stopped goes on where it was when given again.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core import flags
from mmer_core.commands.extract import STORE
from mmer_core.config import RUNS
from mmer_core.folds import FoldPlan
from mmer_core.training.config import PRESETS, TrainingConfig

if TYPE_CHECKING:
    from mmer_core.corpora import Manifest
    from mmer_core.crossval.experiment import Study

SHOWN_PROBLEMS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what")
    what.add_argument("--manifest", metavar="M", help="manifest (.csv), folder of clips, or corpus:FOLDER such as ravdess:/data/ravdess")
    what.add_argument(
        "--corpus-option", action="append", default=[], metavar="NAME=VALUE", help="option of the corpus's reader, such as classes=4; repeatable"
    )
    what.add_argument(
        "--fusion",
        default="early",
        metavar="NAMES",
        help="fusion models, joined by commas; unimodal trains one run for each modality (default: early)",
    )
    what.add_argument(
        "--encoders",
        default="",
        metavar="M=E,...",
        help="features of each modality: an encoder, or given for those of the corpus (default: all given)",
    )
    what.add_argument(
        "--option", action="append", default=[], metavar="NAME=VALUE", help="option of the fusion model, such as pooling=max; repeatable"
    )
    what.add_argument("--list-options", action="store_true", help="print the options of the fusion models and stop")
    what.add_argument(
        "--speaker-normalise",
        action="store_true",
        help="standardise by speaker first (S1); looks at test speakers' unlabelled features, and is said so",
    )
    what.add_argument(
        "--views",
        type=int,
        default=0,
        metavar="N",
        help="also train on N augmented copies of sound and pictures, extracted with the encoder option augment=1 to augment=N",
    )
    what.add_argument(
        "--damaged", choices=("absent", "drop", "refuse"), default="absent", help="what NaN features do to their utterance (default: absent)"
    )
    where = parser.add_argument_group("where")
    where.add_argument("--out", type=Path, default=RUNS, metavar="DIR", help="folder of runs (default: checkpoints/runs)")
    where.add_argument(
        "--name", help="name of the run's folder; the fusion model is added when there are several (default: made of corpus and model)"
    )
    where.add_argument("--store", type=Path, default=STORE, metavar="DIR", help=f"feature store that extract filled (default: {STORE})")
    cut = parser.add_argument_group("folds")
    cut.add_argument("--folds", default="5", metavar="N|FILE", help="number of folds, or a file that gives them: CSV id,fold or JSON (default: 5)")
    flags.add_flags(cut, FoldPlan, leave_out=("kind", "folds"))
    cut.add_argument(
        "--folds-kind",
        choices=("group", "official", "leave-one-out", "random"),
        help="group (default), official, leave-one-out, or random, which leaks",
    )
    train = parser.add_argument_group("training")
    train.add_argument("--preset", choices=PRESETS, default="s0", help="training settings of a published system; flags change them (default: s0)")
    flags.add_flags(train, TrainingConfig)
    train.add_argument(
        "--search", action="append", default=[], metavar="NAME=V|V", help="values to try in each fold, judged on its inner part; repeatable"
    )
    train.add_argument("--trials", type=int, default=0, metavar="N", help="try N random combinations of --search instead of all")
    train.add_argument("--one-by-one", action="store_true", help="do not train plain networks side by side")


def run(args: argparse.Namespace) -> int:
    if args.list_options:
        print(describe_options(args.fusion))
        return 0
    if not args.manifest:
        raise ValueError("nothing to train on: name a corpus with --manifest")
    from mmer_core import corpora
    from mmer_core.commands.train_request import fold_plan, make_experiments, make_study
    from mmer_core.crossval import cross_validation
    from mmer_core.crossval import record as record_of
    from mmer_core.runs.run import CVRun

    manifest = corpora.read(args.manifest, **corpora.parse_options(args.manifest, args.corpus_option))
    plan = fold_plan(args)
    study = make_study(args, manifest, plan)
    kept = set(study.table.ids.tolist())
    used = manifest.take([row for row, id_ in enumerate(manifest.ids) if id_ in kept])
    experiments = make_experiments(args, study.table.modalities)
    for experiment in experiments.values():
        cross_validation.check(study, experiment)
    shared = record_of.shared(study, used, plan, command=command_line(args), speaker_normalised=args.speaker_normalise)
    _announce(study, shared)
    runs = []
    for name, experiment in experiments.items():
        record = {**shared, **record_of.settings(study, experiment)}
        runs.append(cross_validation.Run(experiment, args.out / folder_name(args, manifest, name, record, alone=len(experiments) == 1), record))
    cross_validation.crossvalidate(study, runs, say=lambda line: print(line, flush=True))
    for run_ in runs:
        print(f"\n{run_.folder}\n{record_of.table(CVRun.open(run_.folder).record)}")
    return 0


def folder_name(args: argparse.Namespace, manifest: Manifest, name: str, record: Mapping[str, Any], *, alone: bool) -> str:
    """The run's folder: as named on the command line, else corpus, classes, model and six digits that stand for all settings."""
    from mmer_core.runs.writer import settings_digest

    if args.name:
        return str(args.name) if alone else f"{args.name}-{name}"
    return f"{manifest.corpus}-{len(manifest.labels)}c-{name}-{settings_digest(record)[:6]}"


def _announce(study: Study, shared: dict[str, Any]) -> None:
    for id_, reason in study.table.problems[:SHOWN_PROBLEMS]:
        print(f"left out: {id_}: {reason}")
    if len(study.table.problems) > SHOWN_PROBLEMS:
        print(f"left out: {len(study.table.problems) - SHOWN_PROBLEMS} more; run.json lists them")
    leakage = shared["leakage"]
    print(f"{len(study.table)} utterances, {len(study.folds)} folds; leakage check: {leakage['verdict']}: {leakage['reason']}", flush=True)


def describe_options(names: str) -> str:
    """The options of fusion models as a table for the terminal."""
    from mmer_core import fusion

    lines = []
    for name in [n.strip() for n in names.split(",") if n.strip()] if names != "all" else fusion.names():
        kind = fusion.factory(name).Options  # type: ignore[attr-defined]
        explained = flags.attribute_help(kind)
        lines.append(name)
        lines += [f"  {f.name}={flags.text_of(f.default)}  {explained.get(f.name, '')}" for f in fields(kind)]
    return "\n".join(lines)


def command_line(args: argparse.Namespace) -> str:
    """The command that repeats this run."""
    parts = ["python", "-m", "mmer_core", "train", "--manifest", args.manifest, "--fusion", args.fusion, "--folds", str(args.folds)]
    for name in ("corpus_option", "option", "search"):
        parts += [part for value in getattr(args, name) for part in (f"--{name.replace('_', '-')}", value)]
    for name, unset in {"encoders": "", "store": STORE, "views": 0, "folds_kind": None, "preset": "s0", "damaged": "absent", "trials": 0}.items():
        if getattr(args, name) != unset:
            parts += [f"--{name.replace('_', '-')}", str(getattr(args, name))]
    parts += [f"--{name.replace('_', '-')}" for name in ("speaker_normalise", "one_by_one") if getattr(args, name)]
    parts += flags.command_line(
        {name: v for name, v in {**flags.given(args, FoldPlan), **flags.given(args, TrainingConfig)}.items() if name != "folds"}
    )
    return shlex.join(parts)
