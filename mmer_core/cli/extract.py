"""Encode a corpus into the feature store, which train reads. A command that was stopped goes on where it was
when given again.

Encoders may have options, as in text=bert:sequence=yes,visual=clip:look=face. Utterances without features are
listed in problems.csv, with the reason.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mmer_core import backends, config
from mmer_core.cli.several import add_backend
from mmer_core.json_files import write_json
from mmer_core.runs.spreadsheets import inert

if TYPE_CHECKING:
    from mmer_core.encoders.request import EncoderRequest
    from mmer_core.features.extraction import Extraction, Problem

EXAMPLE = "write for example text=minilm,audio=voice_frames"
SHOWN = 5  # reasons printed; problems.csv has them all
WRITES_PER_SECOND = 2  # of the progress file, at most


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this command."""
    parser.add_argument(
        "manifest", help="manifest (.csv), folder of clips, or corpus:FOLDER such as ravdess:/data/ravdess"
    )
    parser.add_argument(
        "--encoders",
        required=True,
        metavar="M=E,...",
        help="encoder of each modality, such as text=minilm,audio=voice_frames,visual=face_cnn",
    )
    parser.add_argument(
        "--transcribe",
        action="store_true",
        help="recognise the words of utterances that have none, for encoders of text (English only)",
    )
    parser.add_argument(
        "--corpus-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="option of the corpus's reader, such as classes=4; repeatable",
    )
    _add_computing(parser)
    _add_places(parser)


def _add_computing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="processes (default: one for each processor core)",
    )
    add_backend(parser)
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "mps"),
        default="auto",
        help="where encoders compute (default: auto, an accelerator if there is one)",
    )


def _add_places(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="the feature store (default: the one in your data folder)",
    )
    parser.add_argument(
        "--problems",
        type=Path,
        metavar="FILE",
        help="table of the utterances without features (default: problems.csv in the store)",
    )
    parser.add_argument(
        "--progress",
        type=Path,
        metavar="FILE",
        help="JSON file that says, twice a second at most, how many utterances are done",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Extract, write the table of problems and print the counts; returns 0, or 2 if no utterance has any
    features.
    """
    if args.jobs is not None and args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, not {args.jobs}")
    requests = parse_requests(args.encoders)
    from mmer_core import corpora
    from mmer_core.cli.reading import refuse_empty, tell_left_out
    from mmer_core.features.extraction import extract

    line = None if args.json else ProgressLine()
    file = None if args.progress is None else ProgressFile(args.progress)

    def progress(done: int, total: int) -> None:
        for report in (line, file):
            if report is not None:
                report(done, total)

    manifest = corpora.read(args.manifest, **corpora.parse_options(args.manifest, args.corpus_option))
    if not len(manifest):
        tell_left_out(manifest.problems)
        refuse_empty(args.manifest, 0, len(manifest.problems))
    store = args.store or config.features_folder()
    result = extract(
        manifest,
        requests,
        store=store,
        jobs=args.jobs or backends.backend(args.backend).slots(),
        where=args.backend,
        transcribe=args.transcribe,
        device=args.device,
        progress=progress,
    )
    table = args.problems or store / "problems.csv"
    write_problems(table, result.problems)
    print(
        json.dumps(result.to_json(), indent=2, ensure_ascii=False) if args.json else describe(result, table)
    )
    got = any(count["encoded"] or count["kept"] for count in result.counts.values())
    return 0 if got else 2


def parse_requests(text: str) -> list[EncoderRequest]:
    """Return the encoders of "text=minilm,audio=voice_frames".

    Raises:
        ValueError: no encoder is named, it is not known, or it reads another modality.
    """
    from mmer_core.features.extraction import encoder_of

    requests = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        modality, _, encoder = part.partition("=")
        if not encoder.strip():
            raise ValueError(f"--encoders {part!r} names no encoder: {EXAMPLE}")
        requests.append(encoder_of(modality, encoder))
    if not requests:
        raise ValueError(f"--encoders names no encoder: {EXAMPLE}")
    return requests


class ProgressLine:
    """A line on the terminal that is written over; where the output is no terminal, a line for each tenth."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._said = -1

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` utterances are done."""
        if sys.stderr.isatty():
            print(
                f"\r{self._line(done, total)}", end="\n" if done == total else "", file=sys.stderr, flush=True
            )
        elif 10 * done // max(total, 1) > self._said:
            self._said = 10 * done // max(total, 1)
            print(self._line(done, total), file=sys.stderr, flush=True)

    def _line(self, done: int, total: int) -> str:
        filled = round(30 * done / max(total, 1))
        rate = done / max(time.monotonic() - self._started, 1e-3)
        minutes, seconds = divmod(round((total - done) / max(rate, 1e-3)), 60)
        return (
            f"{'█' * filled}{'·' * (30 - filled)} {done}/{total}  {rate:.1f} a second, {minutes} min "
            f"{seconds:02} s left "
        )


class ProgressFile:
    """A JSON file {"step": "extract", "done", "total", "updated"}, always replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = float("-inf")
        path.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, done: int, total: int) -> None:
        """Write that `done` of `total` utterances are done, unless it was written a moment ago."""
        now = time.monotonic()
        if done < total and now - self._written < 1 / WRITES_PER_SECOND:
            return
        self._written = now
        updated = datetime.now(UTC).isoformat(timespec="seconds")
        write_json(self._path, {"step": "extract", "done": done, "total": total, "updated": updated})


def write_problems(file: Path, problems: list[Problem]) -> None:
    """Write a CSV of what has no features: id, modality, encoder, kind (absent or failed), reason."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "modality", "encoder", "kind", "reason"])
        writer.writerows([inert(str(cell)) for cell in problem] for problem in problems)


def describe(result: Extraction, table: Path) -> str:
    """Return the result as lines for a terminal."""
    lines = [f"{'encoder':<36} {'encoded':>9} {'kept':>9} {'absent':>9} {'failed':>9}"]
    lines += [
        f"{name:<36} {n['encoded']:>9} {n['kept']:>9} {n['absent']:>9} {n['failed']:>9}"
        for name, n in result.counts.items()
    ]
    lines.append(f"\n{result.utterances} utterances in {result.seconds:.1f} s")
    if result.transcribed:
        lines.append(f"  speech recognition was asked for the words of {result.transcribed} of them")
    reasons = Counter((p.kind, p.encoder or "left out", p.reason) for p in result.problems)
    lines += [
        f"  {count} × {encoder} {kind}: {reason}"
        for (kind, encoder, reason), count in reasons.most_common(SHOWN)
    ]
    if reasons:
        lines.append(f"  every one of them: {table}")
    return "\n".join(lines)
