"""Compare finished runs on the utterances that all predicted: McNemar's test, and the difference with its
interval by bootstrap over speakers.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

METRICS = ("accuracy", "ua", "macro_f1", "weighted_f1")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="folders of finished runs, two or more"
    )
    parser.add_argument(
        "--metric", choices=METRICS, default="accuracy", help="what the difference is of (default: accuracy)"
    )
    parser.add_argument("--subset", help="modalities, such as audio+visual (default: all of each run)")
    parser.add_argument("--seed", type=int, default=0, help="of the bootstrap (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    from mmer_core.runs.comparison import compare

    pairs = compare(args.runs, metric=args.metric, subset=args.subset, seed=args.seed)
    if args.json:
        print(json.dumps([pair.to_json() for pair in pairs], indent=2, ensure_ascii=False))
        return 0
    print(
        f"difference in {args.metric}, second minus first; 95 % intervals by bootstrap over "
        f"speakers; p after Holm over {len(pairs)} comparisons"
    )
    for pair in pairs:
        print(f"\n{pair.first}  against  {pair.second}   (n = {pair.test.n})\n  {pair.sentence()}")
    return 0
