"""Check a split for speakers, dialogues, files and words on both sides. Figures from a split that leaks are
no measure of skill.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmer_core import options as option_text
from mmer_core.evaluation.folds import FoldPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mmer_core.corpora import Manifest
    from mmer_core.evaluation.leakage import LeakageReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "manifest", help="manifest (.csv), folder of clips, or corpus:FOLDER such as ravdess:/data/ravdess"
    )
    parser.add_argument(
        "--folds",
        metavar="N|FILE",
        help="number of folds, drawn as train draws them, or a file that gives them: CSV id,fold or JSON "
        "with the speakers of each fold (default: the official split)",
    )
    option_text.add_flags(parser, FoldPlan, leave_out=("kind", "folds", "repeat", "validation"))
    parser.add_argument(
        "--folds-kind",
        choices=("group", "leave-one-out", "random"),
        help="of folds that are drawn: group (default), leave-one-out, or random, which leaks",
    )
    parser.add_argument(
        "--corpus-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="option of the corpus's reader, such as classes=4; repeatable",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the report; returns 0."""
    from mmer_core.cli.reading import read_corpus
    from mmer_core.evaluation import leakage

    manifest = read_corpus(args.manifest, args.corpus_option)
    report = leakage.check(manifest, _folds(args, manifest))
    print(json.dumps(report.to_json(), indent=2, ensure_ascii=False) if args.json else describe(report))
    return 0


def _folds(args: argparse.Namespace, manifest: Manifest) -> Mapping[str, str] | None:
    """{id: fold} from the file that --folds names, or drawn as `train` draws them; None for the official
    split.
    """
    from mmer_core import corpora
    from mmer_core.evaluation.folds import fold_of_each, make_folds

    drawn = args.folds is not None and args.folds.strip().isdigit()
    if args.folds is not None and not drawn:
        given = corpora.read_folds(Path(args.folds).expanduser(), manifest)
        return {str(id): str(fold) for id, fold in given.items()}
    if not drawn and args.folds_kind is None:
        return None
    fields = {
        **option_text.given(args, FoldPlan),
        "kind": args.folds_kind or "group",
        "validation": 0.0,  # the parts that are tested do not depend on it
    }
    plan = FoldPlan(**fields | ({"folds": int(args.folds)} if drawn else {}))
    ids = np.array(manifest.ids, dtype=str)
    folds = make_folds(
        plan,
        y=manifest.y,
        groups=manifest.groups(plan.groups, required=not plan.leaks),
        ids=ids,
        labels=manifest.labels,
    )
    return fold_of_each(plan, folds, ids, None)


def describe(report: LeakageReport) -> str:
    """Return the verdict, the table and what could not be checked, for a terminal."""
    lines = [f"{report.verdict}: {report.reason}", ""]
    lines.append("folds: " + ", ".join(f"{fold} ({count})" for fold, count in report.folds.items()))
    if report.overlaps:
        lines += ["", f"{'on both sides':<26} {'fold':<8} {'utterances':>13}  examples"]
    for overlap in report.overlaps:
        share = f"{overlap.n} of {overlap.of}"
        lines.append(f"{overlap.kind:<26} {overlap.fold:<8} {share:>13}  {'; '.join(overlap.examples)}")
    lines += [f"\nNote: {sentence}." for sentence in report.unknown]
    return "\n".join(lines)
