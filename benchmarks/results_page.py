"""Speed of the Results page with many runs: `python benchmarks/results_page.py [--runs 200]`.

Makes a folder of that many runs (four distinct ones, copied), seven emotions, three modalities, a prediction
of every utterance for each of the seven subsets, and drives the page with Streamlit's AppTest. Cold: nothing
read yet in this process. A toggle is timed as a whole run of the page, of which the browser redraws only the
fragment.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

DISTINCT = 4


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--predictions", type=int, default=10_000, help="utterances of each run")
    parser.add_argument("--repeat", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MMER_RUNS"] = folder  # before the app is imported, which looks for runs there
        names = make_runs(Path(folder), args.runs, args.predictions)
        measure(names, args.repeat)


def make_runs(folder: Path, runs: int, predictions: int) -> list[str]:
    """Write the runs; returns their names."""
    from run_folders import write_run

    from mmer_core.labels import EMOTIONS, Modality

    names = [f"run-{i:03d}" for i in range(runs)]
    for i, name in enumerate(names):
        if i < DISTINCT:
            write_run(
                folder / name,
                labels=EMOTIONS,
                modalities=tuple(Modality)[:3],
                n=predictions,
                seed=i,
                inputs=0.5 + 0.3 * i,
            )
        else:
            shutil.copytree(folder / names[i % DISTINCT], folder / name)
            record = json.loads((folder / name / "run.json").read_text(encoding="utf-8"))
            (folder / name / "run.json").write_text(json.dumps(record | {"name": name}), encoding="utf-8")
    return names


def measure(names: list[str], repeat: int) -> None:
    """Print the time of each step."""
    from streamlit.testing.v1 import AppTest

    show_listing(names)
    page = AppTest.from_file(str(ROOT / "pages" / "results.py"), default_timeout=120)
    page.session_state["entered"] = True  # as when app.py was run
    page.query_params["run"] = "nothing"
    timed(page, "table, first time", 1, lambda _: None)
    timed(page, "table, again", repeat, lambda _: None)

    def open_run(i: int) -> None:
        page.query_params["run"] = names[i % len(names)]

    timed(page, "another run, never opened", repeat, open_run)
    one_run(page, names[(repeat - 1) % len(names)], repeat)
    page.query_params["run"] = ",".join(names[:2])
    timed(page, "two runs compared, first time", 1, lambda _: None)
    timed(page, "two runs compared, warm", repeat, lambda _: None)


def show_listing(names: list[str]) -> None:
    """Print the time until all runs are listed, nothing read before."""
    from ui import runs

    started, busy = time.perf_counter(), time.process_time()
    runs.listed()
    wall, cpu = time.perf_counter() - started, time.process_time() - busy
    print(f"{f'{len(names)} runs listed, cold':<32} {1000 * wall:7.0f} ms   processor {1000 * cpu:6.0f} ms")


def one_run(page: AppTest, name: str, repeat: int) -> None:
    """Print the time of each step on the page of a run that is open."""
    subsets = ["text", "audio", "visual", "text+audio", "text+visual"]
    norms = ["counts", "true", "predicted"]

    def toggle(i: int) -> None:
        page.segmented_control(key=f"subset-{name}").set_value(subsets[i % len(subsets)])

    def fold(i: int) -> None:
        page.selectbox(key=f"fold-{name}").set_value(f"Fold {i % 3}")

    def norm(i: int) -> None:
        page.segmented_control(key=f"norm-{name}").set_value(norms[i % len(norms)])

    def cell(i: int) -> None:
        page.selectbox(key=f"read-{name}").set_value(("joy", "fear")[i % 2])

    timed(page, "the same run, warm", repeat, lambda _: None)
    timed(page, "modalities toggled", repeat, toggle)
    timed(page, "a fold of a subset, first time", 1, lambda _: fold(1))
    timed(page, "another fold", repeat, fold)
    timed(page, "counts or percent", repeat, norm)
    page.selectbox(key=f"shown-{name}").set_value("anger")
    timed(page, "a cell, first time", 1, lambda _: cell(0))
    timed(page, "another cell", repeat, lambda i: cell(i + 1))


def timed(page: AppTest, what: str, repeat: int, change: Callable[[int], object]) -> None:
    """Change something, run the page; print the median, also of the processor's time (others may use the
    machine), and the slowest.
    """
    walls, busy = [], []
    for i in range(repeat):
        change(i)
        started, before = time.perf_counter(), time.process_time()
        page.run()
        walls.append(1000 * (time.perf_counter() - started))
        busy.append(1000 * (time.process_time() - before))
        assert not page.exception, page.exception
    wall, cpu = statistics.median(walls), statistics.median(busy)
    print(f"{what:<32} {wall:7.0f} ms   processor {cpu:6.0f} ms   slowest {max(walls):6.0f} ms", flush=True)


if __name__ == "__main__":
    main()
