"""Which runtime the face networks are fastest in: `python benchmarks/face_runtime.py`.

Torch as it is, compiled by torch (with a C++ compiler, which users seldom have), and ONNX Runtime, all in
single precision. Milliseconds of one thread of the processor for a picture with its mirror image; largest
difference of a probability from that of torch.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
COUNTS = (1, 4, 16, 64)
Embed = Callable[[np.ndarray], np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    sys.path.insert(0, str(ROOT))
    import torch

    torch.set_num_threads(1)
    pictures = np.random.default_rng(0).integers(0, 256, (max(COUNTS), 48, 48), dtype=np.uint8)
    pictures[1:] = np.sort(pictures[1:], axis=2)  # smooth from side to side, unlike the first
    ways, logits = runtimes()
    expected = logits(ways["torch"](pictures))
    print(f"{'':<26}" + "".join(f"{f'{n} pictures':>14}" for n in COUNTS) + f"{'differs by':>14}")
    for name, embed in ways.items():
        found = logits(embed(pictures))
        row = "".join(f"{fastest(embed, pictures[:n], repeat) / n * 1000:>14.1f}" for n in COUNTS)
        print(f"{name:<26}{row}{np.abs(found - expected).max():>14.1e}")


def runtimes() -> tuple[dict[str, Embed], Embed]:
    """{name: pictures to embeddings}, and the probabilities of embeddings."""
    import torch

    from mmer_core.encoders.backends.face_ensemble import embed_pictures, load_network
    from mmer_core.encoders.backends.face_graphs import FaceGraphs
    from mmer_core.encoders.face_cnn import FACE_WEIGHTS

    network = load_network(FACE_WEIGHTS)
    ways: dict[str, Embed] = {
        "torch": lambda x: embed_pictures(network, x).numpy(),
        "ONNX Runtime": FaceGraphs(network).embed,
    }
    if shutil.which("c++") or shutil.which("g++"):
        compiled = load_network(FACE_WEIGHTS)
        for member in compiled.networks():
            member.embed = torch.compile(member.embed, dynamic=True)  # type: ignore[method-assign]
        ways["torch.compile"] = lambda x: embed_pictures(compiled, x).numpy()

    def logits(embeddings: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network.head(torch.from_numpy(embeddings)).softmax(dim=1).numpy()

    return ways, logits


def fastest(embed: Embed, pictures: np.ndarray, repeat: int) -> float:
    """Seconds of processor time, the least of some runs after one that is not counted."""
    times = []
    for _ in range(repeat + 1):
        started = time.process_time()
        embed(pictures)
        times.append(time.process_time() - started)
    return min(times[1:])


if __name__ == "__main__":
    main()
