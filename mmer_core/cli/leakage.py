"""Check a split for speakers, dialogues, files and words on both sides. Figures from a split that leaks are
no measure of skill.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmer_core.evaluation.leakage import LeakageReport


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "manifest", help="manifest (.csv), folder of clips, or corpus:FOLDER such as ravdess:/data/ravdess"
    )
    parser.add_argument(
        "--folds",
        type=Path,
        metavar="F",
        help="CSV of id, fold, or JSON with the speakers of each fold (default: the official split)",
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
    from mmer_core import corpora
    from mmer_core.evaluation import leakage

    manifest = corpora.read(args.manifest, **corpora.parse_options(args.manifest, args.corpus_option))
    report = leakage.check(manifest, None if args.folds is None else corpora.read_folds(args.folds, manifest))
    print(json.dumps(report.to_json(), indent=2, ensure_ascii=False) if args.json else describe(report))
    return 0


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
