"""Writes the graphs of the face networks without their weights: `python -m recipes.face.graphs`.

Needed when a network's layers change; `tests/encoders/test_face_graphs.py` tells. Takes the extra `graphs`
(`pip install '.[graphs]'`).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mmer_core.encoders.backends.face_ensemble import NETWORKS
from mmer_core.encoders.backends.face_graphs import EMBEDDINGS, GRAPHS, PICTURES, weights_of
from mmer_core.encoders.backends.face_network import SIDE


class _Embedding(nn.Module):
    """A network up to its embedding."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor) -> Tensor:
        embeddings: Tensor = self.network.embed(pictures)  # type: ignore[operator]
        return embeddings


def write_graph(kind: str, out: Path) -> None:
    """Write the graph of one kind of network to `out`, an ONNX file without weights."""
    import onnx
    from onnxscript.optimizer import optimize

    network = NETWORKS[kind]().eval()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "whole.onnx"
        torch.onnx.export(
            _Embedding(network),
            (torch.rand(2, 1, SIDE, SIDE),),
            file,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            input_names=[PICTURES],
            output_names=[EMBEDDINGS],
            external_data=False,
            optimize=False,
            verbose=False,
        )
        model = onnx.load(file)
    weights = weights_of(network)
    # as inputs they cannot be folded into each other while the graph is simplified
    _weights_as_inputs(model.graph, weights)
    model = optimize(model)
    _without_weights(model.graph, weights)
    _forget_source(model)
    out.write_bytes(model.SerializeToString())


def _weights_as_inputs(graph: Any, weights: Mapping[str, np.ndarray]) -> None:
    from onnx import TensorProto, helper

    others = [tensor for tensor in graph.initializer if tensor.name not in weights]
    del graph.initializer[:]
    graph.initializer.extend(others)
    graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in weights.items()
    )


def _without_weights(graph: Any, weights: Mapping[str, np.ndarray]) -> None:
    others = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(others)


def _forget_source(model: Any) -> None:
    """Remove what the exporter notes about the code and the machine."""
    graph = model.graph
    del graph.value_info[:], model.metadata_props[:], graph.metadata_props[:]
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in (*graph.input, *graph.output, *graph.initializer):
        del value.metadata_props[:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=GRAPHS, help="folder (default: where they are read)")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for kind in NETWORKS:
        file = folder / f"{kind}.onnx"
        write_graph(kind, file)
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
