"""Score a model on a manifest (id, path, text, label, speaker) for every modality subset; rows that cannot be
used are listed with the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mmer_core.cli.predict import add_model_arguments
from mmer_core.clock import clock

if TYPE_CHECKING:
    from mmer_core.inference.scored import Evaluation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", help="a CSV file; path is relative to it; path or text may be empty")
    add_model_arguments(parser)
    parser.add_argument(
        "--baseline",
        choices=("none", "own"),
        default="none",
        help="what a voice is compared with: the average training speaker (none, the default), or all of the "
        "speaker's own clips in the manifest (own), which looks at test clips, though not at their labels; "
        "for models that compare",
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="TABLE",
        help="write the answers as a table too (.csv, .parquet); what is scored is kept beside it, and "
        "started again after a kill, only what is missing is read",
    )
    parser.add_argument("--overwrite", action="store_true", help="with --out: replace a table that is there")


def run(args: argparse.Namespace) -> int:
    from mmer_core.batch.evaluation import evaluate_into
    from mmer_core.cli.reading import refuse_empty, tell_left_out
    from mmer_core.inference import record
    from mmer_core.inference.evaluate import evaluate
    from mmer_core.inference.items import read_items
    from mmer_core.inference.shipped import folder_of

    folder = record.model_folder(folder_of(args.checkpoint))
    items, skipped = read_items(args.manifest, record.read(folder)["labels"])
    if not items:
        tell_left_out([(row.id, row.reason) for row in skipped])
        refuse_empty(args.manifest, 0, len(skipped))
    options = {
        "skipped": skipped,
        "baseline": args.baseline,
        "jobs": args.jobs,
        "device": args.device,
        "progress": _progress(len(items)),
    }
    if args.out is None:
        result = evaluate(folder, items, **options)
    else:
        result = evaluate_into(args.out, folder, items, overwrite=args.overwrite, **options)
    print(json.dumps(result.to_json(), indent=2, ensure_ascii=False) if args.json else describe(result))
    return 0 if result.answers else 2


def _progress(total: int) -> Callable[[int], None]:
    """Tells how many are done, and how long the rest will take."""
    started = time.monotonic()
    first: int | None = None  # done by an earlier start, in no time

    def progress(done: int) -> None:
        nonlocal first
        if first is None:
            first = done - 1
        left = (time.monotonic() - started) / (done - first) * (total - done)
        if sys.stderr.isatty():
            rest = f", about {clock(left)} left" if done < total else " " * 20
            print(f"\r{done}/{total}{rest}  ", end="\n" if done == total else "", file=sys.stderr, flush=True)

    return progress


def describe(result: Evaluation) -> str:
    """Tables for a terminal: a row per subset, the confusion matrix of the full set, what was skipped."""
    data = result.to_json()
    lines = [f"{'subset':<20} {'n':>6} {'accuracy':>9} {'UA':>7} {'macro F1':>9} {'weighted F1':>12}"]
    for name, row in data["subsets"].items():
        figures = [
            "–" if row[k] is None else f"{row[k]:.3f}" for k in ("accuracy", "ua", "macro_f1", "weighted_f1")
        ]
        lines.append(
            f"{name:<20} {row['n']:>6} {figures[0]:>9} {figures[1]:>7} {figures[2]:>9} {figures[3]:>12}"
        )
    lines += [
        "",
        "Confusion matrix of the full set (rows: truth, columns: prediction)",
        " " * 10 + "".join(f"{name[:8]:>9}" for name in data["labels"]),
    ]
    for name, counts in zip(data["labels"], data["confusion"], strict=True):
        lines.append(f"{name:<10}" + "".join(f"{count:>9}" for count in counts))
    lines += ["", f"Compared with: {data['baseline']}"] if data["baseline"] else []
    lines += ["", f"{data['n']} scored, {len(data['skipped'])} skipped, {data['seconds']:.1f} s"]
    lines += [f"  {row['id']}: {row['reason']}" for row in data["skipped"]]
    return "\n".join(lines)
