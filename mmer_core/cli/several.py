"""`predict` for several files: a line for each, a list with --json, or a table with --out; a file that cannot
be read is a line with its reason.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmer_core.labels import MODALITY_TITLES

if TYPE_CHECKING:
    from mmer_core.batch.inputs import Input
    from mmer_core.batch.prediction import ClipReading, Reading
    from mmer_core.inference.prediction import Prediction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags for many clips."""
    parser.add_argument(
        "--out",
        type=Path,
        metavar="TABLE",
        help="write a table with a row for each clip, or with --utterances for each utterance, .csv or "
        ".parquet; after a kill a second start goes on",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="with --out: processes that read side by side"
    )
    parser.add_argument("--overwrite", action="store_true", help="with --out: replace a table that is there")


def is_several(path: Path) -> bool:
    """Whether a path names more than one clip: a folder, a pattern or a table."""
    from mmer_core.batch.inputs import names_several

    return names_several(path)


def run(paths: Sequence[Path], args: argparse.Namespace) -> int:
    """Print the answer to each clip, or write them all to a table.

    Returns:
        The exit status: 0, or 2 if any clip could not be read.
    """
    from mmer_core.batch import ClipReading
    from mmer_core.inference.shipped import folder_of

    files = files_of(paths)
    reading = ClipReading(
        folder_of(args.checkpoint),
        args.device,
        tuple(args.without),
        tuple(args.before),
        tuple(args.baseline),
    )
    if args.out:
        return write_table(files, reading, args)
    return status(_lines(files, reading, as_json=args.json), len(files))


def files_of(paths: Sequence[Path]) -> list[Input]:
    """The files that are named, after a line on stderr for each thing that is left out."""
    from mmer_core.batch import inputs_of

    return inputs_of(paths, lambda sentence: print(sentence, file=sys.stderr))


def status(failed: int, of: int, *, to_the_end: bool = False) -> int:
    """The exit status, after a line that says how many files could not be read, or not to their end."""
    if failed:
        part = ", or not to their end" if to_the_end else ""
        print(f"{failed} of {of} files could not be read{part}", file=sys.stderr)
    return 2 if failed else 0


def write_table(files: Sequence[Input], reading: Reading, args: argparse.Namespace) -> int:
    """Write the table; the exit status."""
    from mmer_core.batch import predict_files
    from mmer_core.batch.rows import count_unread

    def tell(done: int, of: int) -> None:
        print(f"\r{done} of {of} read", end="\n" if done == of else "", file=sys.stderr, flush=True)

    try:
        table = predict_files(
            files, args.out, reading, jobs=args.jobs, overwrite=args.overwrite, progress=tell
        )
    except KeyboardInterrupt:
        print("\ninterrupted; what was read is kept: the same command goes on from there", file=sys.stderr)
        return 130
    print(f"wrote {args.out}: {len(table)} rows")
    return status(count_unread(table), len(files), to_the_end=args.utterances)


def _lines(files: Sequence[Input], reading: ClipReading, *, as_json: bool) -> int:
    """Print a line for each clip, or the list; how many could not be read."""
    from mmer_core.batch.rows import not_read
    from mmer_core.inference.prediction import listed

    reader = reading.reader()
    rows: list[dict[str, Any]] = []
    failed = 0
    for given in files:
        found = reader.read(given)
        failed += isinstance(found, str)
        if as_json:
            rows.append(listed(given.path, not_read(found) if isinstance(found, str) else found[0]))
        else:
            told = not_read(found) if isinstance(found, str) else in_short(found[0])
            print(f"{given.path}: {told}", flush=True)
    if as_json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    return failed


def in_short(prediction: Prediction) -> str:
    """An answer in one line: "joy (62%); words: neutral 50%, voice: joy 81%"."""
    if nothing := nothing_found(prediction):
        return nothing
    alone = [
        f"{MODALITY_TITLES[m].lower()}: {own.label} {own.probabilities[own.label]:.0%}"
        for m, own in prediction.modalities.items()
        if own.present and own.probabilities and own.label
    ]
    unsure = "unsure, perhaps " if prediction.unsure else ""
    answer = f"{unsure}{prediction.label} ({prediction.probability:.0%})"
    return f"{answer}; {', '.join(alone)}" if alone else answer


def nothing_found(prediction: Prediction) -> str:
    """A sentence for a clip in which nothing was found, with what was looked for; "" for others."""
    from mmer_core.inference.observation import SWITCHED_OFF

    absences = prediction.absences
    if prediction.used or set(absences.values()) == {SWITCHED_OFF}:
        return ""
    looked_for = "; ".join(f"{title}: {reason}" for title, reason in absences.items())
    return (
        f"nothing to read ({looked_for}): give a clip in which a person is seen or heard, or the words "
        "with --text"
    )
