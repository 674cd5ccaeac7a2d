"""This project beside what else people use, and beside the floor: `make bench`, or
`python -m benchmarks.bench [VIDEO]`.

Every tool runs in a process of its own, one after another, on the same inputs and the same threads; other
tools have environments of their own in build/bench, which are made once (needs the network and about 2 GB).
The floor is what nobody can save: decoding the file, recognising its speech, and running the same networks on
the same crops, sound and tokens. Cold is from the start of the process to the first answer, warm the median
of further answers, memory the most that was held at once. The results go into docs/performance.md and
docs/images/performance.svg; with --print-only, or a video of one's own, only to the screen.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.compared import chart, document, machine, tables
from benchmarks.compared.children import Measured, run
from benchmarks.compared.environments import ROOT, NoEnvironment
from benchmarks.compared.tasks import Entrant, Task, every_task

DOCUMENT = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.svg"
HOW = """Every tool ran in a process of its own, one after another, on the same inputs. Cold is from the \
start of the process to the first answer, warm the median of further answers, memory the most that the \
process and those it started held at once. For the face video this project reads every frame \
(`Limits(frames_per_second=1000)`; the app reads four a second), as the others do. The floor is what \
nobody can save: decoding with PyAV, speech recognition, and the same networks on the same crops, sound \
and tokens. Every fusion network trains on the same arrays in batches of 128 until four epochs have \
brought nothing; MMSA's TFN had not ended after 120 s with one thread and is left out."""
BUSY = 0.5  # processes that wanted a core already, from which the figures are called rough


def main() -> None:
    args = arguments(sys.argv[1:])
    folder: Path = args.folder
    (folder / "inputs").mkdir(parents=True, exist_ok=True)
    load = machine.load()
    tasks = every_task(folder / "inputs", args.video, args.voices, args.repeat)
    results: dict[str, dict[str, Measured]] = {}
    for task in tasks:
        if args.only not in task.title.lower():
            continue
        results[task.title] = {}
        for entrant in task.entrants:
            one = measured(entrant, folder / "environments", args.threads)
            results[task.title][entrant.title] = one
            said = one.failure or f"cold {tables.seconds(one.cold)}, warm {tables.seconds(one.seconds)}"
            print(f"{task.title}; {entrant.title}: {said}", flush=True)
    kept = {t: {e: asdict(one) for e, one in by.items()} for t, by in results.items()}
    (folder / "results.json").write_text(json.dumps(kept, indent=1), encoding="utf-8")
    part = report(tasks, results, args, load)
    print("\n" + part)
    if args.video is None and not args.only and not args.print_only:
        document.write_part(DOCUMENT, part)
        PICTURE.write_text(chart.svg(tasks, results), encoding="utf-8")
        print(f"\nwritten to {DOCUMENT.relative_to(ROOT)} and {PICTURE.relative_to(ROOT)}")


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("video", type=Path, nargs="?", help="read this instead of the clips that are made")
    parser.add_argument("--threads", type=int, default=2, help="of every tool (default: 2)")
    parser.add_argument("--repeat", type=int, default=3, help="answers after the first (default: 3)")
    parser.add_argument("--voices", type=int, default=40, help="voice clips of 3 s (default: 40)")
    parser.add_argument("--only", default="", help="tasks with this word in their title, and write nothing")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "bench", help="environments, inputs")
    parser.add_argument("--print-only", action="store_true", help="leave the documents as they are")
    args = parser.parse_args(given)
    if args.video is not None and not args.video.is_file():
        parser.error(f"{args.video} is no file: give a video")
    args.video = args.video and args.video.absolute()
    args.folder, args.only = args.folder.absolute(), args.only.lower()
    return args


def measured(entrant: Entrant, environments: Path, threads: int) -> Measured:
    """What an entrant took, or why it could not be measured."""
    try:
        python = entrant.environment.python(environments) if entrant.environment else Path(sys.executable)
    except NoEnvironment as reason:
        return Measured(failure=f"its environment cannot be made ({reason})")
    return run(python, entrant.module, entrant.inputs, repeat=entrant.repeat, threads=threads)


def report(
    tasks: Sequence[Task], results: tables.Results, args: argparse.Namespace, load: float | None
) -> str:
    """The written part, in Markdown.

    Args:
        tasks: all, also those that were not measured.
        results: of those that were.
        args: the command line.
        load: processes that wanted a core when it began.
    """
    measured_tasks = [task for task in tasks if task.title in results]
    busy = load is not None and load > BUSY
    given = [f"--{name} {getattr(args, name)}" for name in ("threads", "repeat", "voices")]
    parts = [
        f"{machine.described()}. {args.threads} thread{'s' * (args.threads > 1)} for each tool. "
        f"Command: `python -m benchmarks.bench {' '.join(given)}`.",
        f"**Other programs were running (load {load:.1f} at the start): the figures are rough, and "
        "larger than on a quiet machine.**"
        if busy
        else "",
        HOW,
        "![Warm seconds, shorter is faster](images/performance.svg)",
        tables.targets(tasks, results, own=args.video is not None, busy=busy),
        tables.markdown(measured_tasks, results),
        "### Where the time goes\n\nMedian seconds of each step, warm.\n\n"
        + tables.spent(measured_tasks, results),
        f"Versions: {tables.versions(results)}.",
    ]
    return "\n\n".join(part for part in parts if part)


if __name__ == "__main__":
    main()
