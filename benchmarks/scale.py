"""Batch prediction and extraction by backend: `python benchmarks/scale.py [VIDEO ...] --clips 12`.

One table of the same clips is made in this process, in two processes, on a Ray cluster of one node with one
core, of two such nodes, and of two nodes of which one is killed in the middle. All nodes are on this machine,
so that what is measured is the machinery rather than a network. Every table must be the same as the first. It
also says how many bytes a clip takes in a table, in the journal, and in a feature store.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.batch import SAMPLES, make_clips  # noqa: E402
from mmer_core.batch import ClipReading, inputs_of, predict_files  # noqa: E402
from mmer_core.config import DEFAULT_CHECKPOINT  # noqa: E402

ENCODERS = {"text": "minilm", "audio": "voice_frames", "visual": "face_cnn"}
STORE = 200 * 2**20  # bytes of each node's object store


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", type=Path, nargs="*", default=SAMPLES)
    parser.add_argument("--clips", type=int, default=12, help="how many (default: 12)")
    parser.add_argument("--ray-only", action="store_true", help="leave the local runs out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "clips"
        folder.mkdir()
        make_clips(args.videos, folder, args.clips)
        whole = None
        if not args.ray_only:
            whole = timed("this process", folder, Path(place) / "1.csv")
            sizes(whole, Path(place), args.clips)
            same(whole, timed("local, 2 processes", folder, Path(place) / "2.csv", jobs=2))
        on_ray(folder, Path(place), whole)


def on_ray(folder: Path, place: Path, whole: pd.DataFrame | None) -> None:
    """One node, two nodes, a node that is killed, and extraction on what is left and a new one. Each table is
    compared with `whole`, or with that of one node.
    """
    with cluster() as nodes:
        started = time.perf_counter()
        first = nodes.add_node(num_cpus=1, object_store_memory=STORE)
        print(f"a node joins in {time.perf_counter() - started:.1f} s", flush=True)
        one = timed("Ray, 1 node", folder, place / "r1.csv", where="ray")
        whole = one if whole is None else whole
        same(whole, one)
        nodes.add_node(num_cpus=1, object_store_memory=STORE)
        same(whole, timed("Ray, 2 nodes", folder, place / "r2.csv", where="ray", jobs=2))
        third = len(whole) // 3
        killed: list[float] = []

        def kill(done: int) -> None:
            if done == third:
                begun = time.perf_counter()
                nodes.remove_node(first, allow_graceful=False)
                killed.append(time.perf_counter() - begun)

        name = f"Ray, 2 nodes, one killed after {third}"
        same(whole, timed(name, folder, place / "r3.csv", where="ray", jobs=2, then=kill))
        assert killed, "no node was killed"
        nodes.add_node(num_cpus=1, object_store_memory=STORE)
        extracted(folder, place, len(whole))


@contextmanager
def cluster() -> Iterator[Any]:
    """A Ray cluster on this machine, whose head computes nothing; this process joins it."""
    from mmer_core.backends.ray import SILENT

    os.environ |= SILENT
    import ray
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": STORE}
    nodes = Cluster(initialize_head=True, head_node_args=head)
    os.environ["RAY_ADDRESS"] = nodes.address
    try:
        yield nodes
    finally:
        ray.shutdown()
        nodes.shutdown()


def timed(
    name: str,
    folder: Path,
    out: Path,
    *,
    jobs: int = 1,
    where: str = "local",
    then: Callable[[int], None] = lambda done: None,
) -> pd.DataFrame:
    """Make a table, and print how long it takes and how long after the first row each other took."""
    clips = inputs_of([folder])
    started = time.perf_counter()
    told: list[float] = []

    def progress(done: int, of: int) -> None:
        told.append(time.perf_counter() - started)
        then(done)

    table = predict_files(
        clips, out, ClipReading(DEFAULT_CHECKPOINT), jobs=jobs, where=where, progress=progress
    )
    seconds = time.perf_counter() - started
    rate = (len(clips) - 1) / (told[-1] - told[0])
    print(
        f"{name}: {len(clips)} clips in {seconds:.1f} s, the first after {told[0]:.1f} s, then {rate:.2f} "
        f"clips/s; load {os.getloadavg()[0]:.1f}",
        flush=True,
    )
    return table


def same(whole: pd.DataFrame, other: pd.DataFrame) -> None:
    """Nothing is lost or doubled, and every answer is the same; print by how much a probability differs."""
    assert other["path"].tolist() == whole["path"].tolist()
    assert other["label"].tolist() == whole["label"].tolist()
    assert other["words"].tolist() == whole["words"].tolist()
    apart = (whole.filter(like="p_") - other.filter(like="p_")).abs().max(axis=1)
    found = ", ".join(f"{Path(whole['path'][i]).name} {apart[i]:.4f}" for i in apart.index[apart > 0])
    print(f"  the same rows; probabilities that differ: {found or 'none'}", flush=True)


def sizes(table: pd.DataFrame, place: Path, clips: int) -> None:
    """Print the bytes of a clip in tables of many rows, and in the journal."""
    many = pd.concat([table] * (10_000 // len(table) + 1), ignore_index=True)
    many["path"] = [f"s3://bucket/clips/{i:08d}.mp4" for i in range(len(many))]
    many.to_csv(place / "many.csv", index=False)
    line = sum(len(row) for row in table.to_json(orient="records", lines=True).splitlines()) / len(table)
    print(
        f"a clip takes {(place / 'many.csv').stat().st_size / len(many):.0f} bytes as CSV, {line:.0f} in the "
        f"journal, {sum(f.stat().st_size for f in (place / 'clips').iterdir()) / clips:.0f} as a file",
        flush=True,
    )


def extracted(folder: Path, place: Path, clips: int) -> None:
    """Print what extraction on two nodes takes, and the bytes of a clip's features."""
    from mmer_core import corpora
    from mmer_core.features.extraction import extract

    same_for_all = {"label": "joy", "text": "hello", "speaker": "one"}
    rows = [{"id": f.stem, "path": f.name, **same_for_all} for f in sorted(folder.iterdir())]
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    store = place / "store"
    manifest = corpora.read(str(folder / "manifest.csv"))
    result = extract(manifest, ENCODERS, store=store, jobs=2, where="ray")
    done = {name: dict(count) for name, count in result.counts.items()}
    size = sum(f.stat().st_size for f in store.iterdir())
    print(
        f"extraction on Ray: {clips} clips in {result.seconds:.1f} s, {size / clips:.0f} bytes a clip in the "
        f"store; {done}",
        flush=True,
    )


if __name__ == "__main__":
    main()
