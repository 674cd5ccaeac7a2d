"""Encode a corpus into the feature store, which train reads. A command that was stopped goes on where it was when given again.

Encoders may have options, as in text=bert:sequence=yes,visual=clip:look=face. What has no features, and why, is listed in problems.csv.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmer_core.encoders.request import EncoderRequest
    from mmer_core.extraction.extract import Extraction, Problem

STORE = Path("work/features")
SHOWN = 5  # reasons printed; problems.csv has them all


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("manifest", help="manifest (.csv), folder of clips, or corpus:FOLDER such as ravdess:/data/ravdess")
    parser.add_argument(
        "--encoders", required=True, metavar="M=E,...", help="encoder of each modality, such as text=minilm,audio=voice_frames,visual=face_cnn"
    )
    parser.add_argument(
        "--corpus-option", action="append", default=[], metavar="NAME=VALUE", help="option of the corpus's reader, such as classes=4; repeatable"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: one for each processor core)")
    parser.add_argument("--store", type=Path, default=STORE, metavar="DIR", help=f"the feature store (default: {STORE})")
    parser.add_argument("--problems", type=Path, metavar="FILE", help="table of what has no features (default: problems.csv in the store)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    if args.jobs < 1:
        raise ValueError(f"--jobs must be at least 1, not {args.jobs}")
    requests = parse_requests(args.encoders)
    from mmer_core import corpora
    from mmer_core.extraction.extract import extract

    manifest = corpora.read(args.manifest, **corpora.parse_options(args.manifest, args.corpus_option))
    result = extract(manifest, requests, args.store, jobs=args.jobs, progress=None if args.json else Progress())
    table = args.problems or args.store / "problems.csv"
    write_problems(table, result.problems)
    print(json.dumps(result.to_json(), indent=2, ensure_ascii=False) if args.json else describe(result, table))
    return 0


def parse_requests(text: str) -> list[EncoderRequest]:
    """The encoders of "text=minilm,audio=voice_frames".

    Raises:
        ValueError: no encoder is named, it is not known, or it reads another modality.
    """
    from mmer_core.encoders import modality_of
    from mmer_core.encoders.request import EncoderRequest
    from mmer_core.labels import parse_modality

    requests = []
    for part in (part for part in text.split(",") if part.strip()):
        name, equals, encoder = part.partition("=")
        if not equals or not encoder.strip():
            raise ValueError(f"--encoders {part.strip()!r} names no encoder: write for example text=minilm,audio=voice_frames")
        request, modality = EncoderRequest.parse(encoder), parse_modality(name)
        if modality_of(request.name) is not modality:
            raise ValueError(f"{request.name} reads {modality_of(request.name)}, not {modality}: write {modality_of(request.name)}={request}")
        requests.append(request)
    if not requests:
        raise ValueError("--encoders names no encoder: write for example text=minilm,audio=voice_frames")
    return requests


class Progress:
    """A line on the terminal that is written over; where the output is no terminal, a line for each tenth."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._said = -1

    def __call__(self, done: int, total: int) -> None:
        if sys.stderr.isatty():
            print(f"\r{self._line(done, total)}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif 10 * done // max(total, 1) > self._said:
            self._said = 10 * done // max(total, 1)
            print(self._line(done, total), file=sys.stderr, flush=True)

    def _line(self, done: int, total: int) -> str:
        filled = round(30 * done / max(total, 1))
        rate = done / max(time.monotonic() - self._started, 1e-3)
        minutes, seconds = divmod(round((total - done) / max(rate, 1e-3)), 60)
        return f"{'█' * filled}{'·' * (30 - filled)} {done}/{total}  {rate:.1f} a second, {minutes} min {seconds:02} s left "


def write_problems(file: Path, problems: list[Problem]) -> None:
    """The table of what has no features: id, modality, encoder, kind (absent or failed), reason."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["id", "modality", "encoder", "kind", "reason"])
        writer.writerows(problems)


def describe(result: Extraction, table: Path) -> str:
    """What was done, as lines for a terminal."""
    lines = [f"{'encoder':<36} {'encoded':>9} {'kept':>9} {'absent':>9} {'failed':>9}"]
    lines += [f"{name:<36} {n['encoded']:>9} {n['kept']:>9} {n['absent']:>9} {n['failed']:>9}" for name, n in result.counts.items()]
    lines.append(f"\n{result.utterances} utterances in {result.seconds:.1f} s")
    reasons = Counter((p.kind, p.encoder or "left out", p.reason) for p in result.problems)
    lines += [f"  {count} × {encoder} {kind}: {reason}" for (kind, encoder, reason), count in reasons.most_common(SHOWN)]
    if reasons:
        lines.append(f"  every one of them: {table}")
    return "\n".join(lines)
