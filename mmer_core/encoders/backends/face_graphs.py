"""The face networks in ONNX Runtime, which takes half the time of torch for them on a processor, and a third
where pictures come one by one (`benchmarks/face_runtime.py`).

The graph of each kind of network lies in `graphs/`, without weights, as `python -m recipes.face.graphs` wrote
it; the weights are those of the torch network, whose answers these are to within 1e-4.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from torch import nn

from mmer_core import config
from mmer_core.encoders.backends.face_ensemble import NETWORKS, FaceEnsemble
from mmer_core.encoders.backends.face_network import as_pixels
from mmer_core.media.onnx_session import open_session

GRAPHS = Path(__file__).parent / "graphs"
PREFIX = "network."  # of the tensors in a graph
PICTURES, EMBEDDINGS = "pictures", "embeddings"  # names of a graph's input and output
BATCH = 8  # pictures, each with its mirror image; 16 leave the caches: slower, in twice the memory


def weights_of(network: nn.Module) -> dict[str, np.ndarray]:
    """The tensors that the graph of a network's kind asks for, by their names in it: all but the classifier
    and the counters of batch normalisation.
    """
    return {
        PREFIX + name: tensor.detach().float().contiguous().cpu().numpy()
        for name, tensor in network.state_dict().items()
        if not name.startswith("head.") and not name.endswith("num_batches_tracked")
    }


class FaceGraphs:
    """The members of an ensemble on the processor.

    Args:
        network: whose weights are used; later changes to it have no effect.

    Raises:
        ValueError: a member's kind has no graph, or one that does not fit its weights.
    """

    def __init__(self, network: FaceEnsemble) -> None:
        self._sessions = [_session(member) for member in network.networks()]

    def embed(self, images: np.ndarray) -> np.ndarray:
        """The mean embedding of each picture and its mirror image, as `face_ensemble.embed_pictures` has it.

        Args:
            images: (N, 48, 48) uint8, N >= 1.

        Returns:
            (N, D) float32.
        """
        return np.concatenate([self._embed(images[i : i + BATCH]) for i in range(0, len(images), BATCH)])

    def _embed(self, images: np.ndarray) -> np.ndarray:
        x = as_pixels(images)
        both = np.ascontiguousarray(np.concatenate([x, x[..., ::-1]]))
        rows = np.concatenate([s.run([EMBEDDINGS], {PICTURES: both})[0] for s in self._sessions], axis=1)
        mean: np.ndarray = rows.reshape(2, len(images), -1).mean(axis=0)
        return mean


@cache
def _graph(kind: str) -> bytes:
    return (GRAPHS / f"{kind}.onnx").read_bytes()


def _session(member: nn.Module) -> onnxruntime.InferenceSession:
    kind = next((name for name, known in NETWORKS.items() if type(member) is known), "")
    if not kind:
        raise ValueError(f"there is no graph of {type(member).__name__}: run it in torch")
    return session(_graph(kind), weights_of(member))


def session(graph: bytes, weights: Mapping[str, np.ndarray]) -> onnxruntime.InferenceSession:
    """A graph with its weights, ready to run.

    Raises:
        ValueError: the graph asks for other weights.
    """
    try:
        return open_session(graph + _initializers(weights), config.threads())
    except Exception as error:  # onnxruntime's own exceptions have no common base
        raise ValueError(f"the network's graph does not fit its weights: {str(error)[:200]}") from error


def _initializers(weights: Mapping[str, np.ndarray]) -> bytes:
    """The weights as an ONNX model that has nothing else. Behind another model's bytes they become part of
    it, for messages of Protocol Buffers are merged by being put in a row. (The runtime would take arrays too,
    but these had to stay in memory beside its own copies.)
    """
    tensors = [
        b"".join(b"\x08" + _varint(size) for size in array.shape)
        + b"\x10\x01"  # data_type: FLOAT
        + _field(8, name.encode())
        + _field(9, array.tobytes())
        for name, array in weights.items()
    ]
    return _field(7, b"".join(_field(5, tensor) for tensor in tensors))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    rest = number
    digits = []
    while rest > 0x7F:
        digits.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([*digits, rest])
