"""Thousands of damaged and hostile files through the entry of an upload, and a table of what came of them.

    python -m fuzz.campaign [--first 0] [--count 20000] [--seed 0] [--table FILE] [--keep FOLDER]
    python -m fuzz.campaign --seed SEED --only NUMBER

Each file is known by its seed and its number alone. Decoding and the checks before the networks are run, not
the networks. The exit status is 0 if nothing was found.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fuzz import hostile, seeds
from fuzz.mutations import mutated
from fuzz.watch import ENTRIES, Outcome, Watch

SHARES = (0.8, 0.1, 0.08, 0.02)  # of `ENTRIES`
HOSTILE_SHARE, WHOLE_SHARE = 0.15, 0.1
TOLD_EVERY = 1000
COLUMNS = ("answer", "in part", "refusal", "fault")


@dataclass(frozen=True)
class Case:
    """One file.

    Attributes:
        number: with the seed all that it depends on.
        name: of the file that it began as.
        entry: one of `ENTRIES`.
        content: the bytes.
    """

    number: int
    name: str
    entry: str
    content: bytes


@dataclass
class Row:
    """A line of the table."""

    kinds: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    held: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.kinds["fault" if outcome.faults else outcome.kind] += 1
        self.ended[outcome.ended] += 1
        self.seconds, self.held = max(self.seconds, outcome.seconds), max(self.held, outcome.held)

    def line(self, name: str) -> str:
        """As Markdown."""
        counts = [self.kinds[kind] for kind in COLUMNS] + [self.ended[how] for how in ("crash", "time")]
        cells = [name, sum(self.kinds.values()), *counts, f"{self.seconds:.2f}", round(self.held / 2**20)]
        return f"| {' | '.join(map(str, cells))} |"


def case(seed: int, number: int) -> Case:
    """The file of this number."""
    rng = random.Random(f"{seed}:{number}")
    if rng.random() < HOSTILE_SHARE:
        name = rng.choice(list(hostile.HOSTILE))
        content, whole = hostile.hostile(name), rng.random() < 0.5
    else:
        name = seeds.names()[number % len(seeds.names())]
        content, whole = seeds.seed(name), rng.random() < WHOLE_SHARE
    entry = rng.choices(ENTRIES, SHARES)[0]
    return Case(number, name, entry, content if whole else mutated(content, rng))


def run(watch: Watch, seed: int, numbers: range) -> Iterator[tuple[Case, Outcome]]:
    """Try the files of these numbers."""
    for number in numbers:
        tried = case(seed, number)
        outcome = watch.attempt(tried.content, tried.entry)
        outcome.faults += watch.left_behind()
        yield tried, outcome


def table(rows: dict[str, Row]) -> str:
    """Markdown: the formats, the hostile files, and all together."""
    lines = [
        "| file | tried | answer | in part | refusal | fault | decoder crashed | out of time | s | MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    every = Row()
    for name in (*seeds.names(), *hostile.HOSTILE):
        if row := rows.get(name):
            lines.append(row.line(name))
            every.kinds += row.kinds
            every.ended += row.ended
            every.seconds, every.held = max(every.seconds, row.seconds), max(every.held, row.held)
    return "\n".join([*lines, every.line("**all**")])


def main(arguments: list[str]) -> int:
    """Run and write the table; returns how many files had a fault, 1 at most."""
    parser = argparse.ArgumentParser(prog="fuzz.campaign", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000, help="files of which the table tells")
    parser.add_argument("--first", type=int, default=0, help="the number of the first of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--table", type=Path, help="a file for the table; it is printed otherwise")
    parser.add_argument("--keep", type=Path, help="a folder for the files with a fault")
    parser.add_argument("--only", type=int, help="the one file to try, by its number")
    asked = parser.parse_args(arguments)
    numbers = (
        range(asked.first, asked.first + asked.count)
        if asked.only is None
        else range(asked.only, asked.only + 1)
    )
    rows: dict[str, Row] = {}
    faults, begin = 0, time.monotonic()
    with Watch() as watch:
        for tried, outcome in run(watch, asked.seed, numbers):
            rows.setdefault(tried.name, Row()).add(outcome)
            what = f"seed {asked.seed}, number {tried.number}, {tried.name}, {tried.entry}"
            if asked.only is not None:
                print(what, outcome)
            if outcome.faults:
                faults += 1
                print(f"{what}: {'; '.join(outcome.faults)}", flush=True)
                if asked.keep is not None:
                    asked.keep.mkdir(parents=True, exist_ok=True)
                    (asked.keep / f"{asked.seed}-{tried.number}").write_bytes(tried.content)
            if (tried.number + 1) % TOLD_EVERY == 0:
                print(
                    f"{tried.number + 1} files, {faults} faults, {time.monotonic() - begin:.0f} s", flush=True
                )
                if asked.table is not None:
                    asked.table.write_text(table(rows) + "\n", encoding="utf-8")
    written = table(rows)
    if asked.table is None:
        print(written)
    else:
        asked.table.write_text(written + "\n", encoding="utf-8")
    return min(faults, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
