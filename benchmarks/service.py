"""Sentences per second of the service, alone and together: `python benchmarks/service.py [--clients 8]`.

A service with the shipped model runs in a process of its own, first with batches of one sentence, then with
batches of up to 32. Clients on this machine, at most 64, send one sentence after another, each over its own
connection, for some seconds; they take their share of the processor, so compare the figures with each other.
Processor time is that of the service alone, and hardly depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import threading
import time
from multiprocessing.queues import Queue
from pathlib import Path

import httpx2

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
SENTENCES = (
    "I can't believe you came!",
    "Leave me alone, I have had enough of this.",
    "It is what it is.",
    "I miss her so much that it hurts.",
    "What was that noise behind the door?",
)
CALLS, BUSY = "mmer_batch_sentences_count", "process_cpu_seconds_total"
MOST_CLIENTS, MOST_SECONDS = 64, 60.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    clients, seconds = min(args.clients, MOST_CLIENTS), min(args.seconds, MOST_SECONDS)
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}, {clients} clients")
    for batch in (1, 32):
        measure(batch, clients, seconds)


def measure(batch: int, clients: int, seconds: float) -> None:
    """Start a service, send sentences, and print the figures."""
    context = multiprocessing.get_context("spawn")
    started: Queue[str] = context.Queue()
    server = context.Process(target=run, args=(batch, clients, started))
    server.start()
    try:
        address = started.get(timeout=60)
        ready(address)
        before = figures(address)
        times = load(address, clients, seconds)
        after = figures(address)
    finally:
        server.terminate()
        server.join()
    calls, busy = (after[name] - before[name] for name in (CALLS, BUSY))
    slow = statistics.quantiles(times, n=20)[-1]
    print(
        f"batches of up to {batch:2d}  {len(times) / seconds:7.1f} sentences/s  median "
        f"{1000 * statistics.median(times):6.1f} ms  95 % within {1000 * slow:6.1f} ms  "
        f"{len(times) / calls:4.1f} sentences a batch  {1000 * busy / len(times):6.1f} ms of processor each"
    )


def run(batch: int, clients: int, started: Queue[str]) -> None:
    """Serve until a signal."""
    from mmer_core.inference.shipped import load_model
    from mmer_core.service.server import serve
    from mmer_core.service.settings import Settings

    settings = Settings(queue=clients, batch=batch, window=0.005 if batch > 1 else 0.0)
    serve(settings, load_model, port=0, started=started.put)


def ready(address: str) -> None:
    """Wait for the model."""
    end = time.monotonic() + 120
    while httpx2.get(f"{address}/readyz", timeout=120).status_code != 200:
        if time.monotonic() > end:
            raise TimeoutError("the service did not load its model within two minutes")
        time.sleep(0.2)


def figures(address: str) -> dict[str, float]:
    """What the service counts."""
    lines = httpx2.get(f"{address}/metrics", timeout=60).text.splitlines()
    return {name: float(value) for name, value in (x.rsplit(" ", 1) for x in lines if x[0] != "#")}


def load(address: str, clients: int, seconds: float) -> list[float]:
    """Seconds of each answer, from all clients together."""
    times: list[float] = []
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        with httpx2.Client(base_url=address, timeout=60) as service:
            while time.monotonic() < end:
                number += 1
                began = time.monotonic()
                text = SENTENCES[number % len(SENTENCES)]
                service.post("/v1/predict", json={"text": text, "use": "text"}).raise_for_status()
                times.append(time.monotonic() - began)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


if __name__ == "__main__":
    main()
