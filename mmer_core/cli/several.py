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

from mmer_core import backends
from mmer_core.labels import MODALITY_TITLES
from mmer_core.media.places import is_url, place_of

if TYPE_CHECKING:
    from mmer_core.batch.inputs import Input
    from mmer_core.batch.prediction import ClipReading, Reading
    from mmer_core.inference.prediction import Prediction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags for many clips."""
    parser.add_argument(
        "--out",
        type=place_of,
        metavar="TABLE",
        help="write a table with a row for each clip, or with --utterances for each utterance, .csv or "
        ".parquet, also to a URL such as s3://bucket/table.parquet; after a kill a second start goes on",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="with --out: processes that read side by side (default: 1; of a cluster, one for each core)",
    )
    add_backend(parser, "with --out: ")
    parser.add_argument(
        "--shard",
        type=_shard,
        metavar="I/N",
        help="with --out: read every N-th clip from the I-th on, as one of N commands that share the work",
    )
    parser.add_argument("--overwrite", action="store_true", help="with --out: replace a table that is there")


def add_backend(parser: argparse.ArgumentParser, needed: str = "") -> None:
    """Add the flag that says where processes run."""
    parser.add_argument(
        "--backend",
        choices=backends.names(),
        default=backends.LOCAL,
        help=f"{needed}where processes run: local, or ray (the cluster of RAY_ADDRESS, or one of this "
        "machine; default: local)",
    )


def _shard(text: str) -> tuple[int, int]:
    """(I, N) of "3/8"; argparse.ArgumentTypeError where that is no shard."""
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text!r} is no shard: write 1/8 to 8/8 for eight commands")
    return int(number), int(of)


def is_several(path: Path | str) -> bool:
    """Whether a path names more than one clip (a folder, a pattern or a table), or a clip that has to be
    fetched as those of a table are.
    """
    from mmer_core.batch.inputs import names_several

    return isinstance(path, str) or names_several(path)


def run(paths: Sequence[Path | str], args: argparse.Namespace) -> int:
    """Print the answer to each clip, or write them all to a table.

    Returns:
        The exit status: 0, or 2 if any clip could not be read.
    """
    from mmer_core.batch import ClipReading
    from mmer_core.inference.shipped import folder_of

    files = files_of(paths)
    reading = ClipReading(
        folder_of(args.checkpoint).absolute(),  # other machines have other current folders
        args.device,
        tuple(args.without),
        tuple(args.before),
        tuple(path if args.backend == backends.LOCAL else path.absolute() for path in args.baseline),
    )
    if args.out:
        return write_table(files, reading, args)
    if any(is_url(given.path) for given in files):
        raise ValueError("clips at URLs are read into a table: add --out TABLE")
    return status(_lines(files, reading, as_json=args.json), len(files))


def files_of(paths: Sequence[Path | str]) -> list[Input]:
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

    if args.shard:
        number, of = args.shard
        files = files[number - 1 :: of]
    jobs = backends.jobs_on(args.backend, args.jobs)
    try:
        table = predict_files(
            files,
            args.out,
            reading,
            jobs=jobs,
            where=args.backend,
            overwrite=args.overwrite,
            progress=tell,
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
