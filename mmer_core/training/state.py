"""The state of a training on disk: one safetensors file from which it goes on at the last whole epoch."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from mmer_core.json_files import parse_json

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class TrainingState:
    """What the next epoch needs.

    Attributes:
        history: one row for each epoch.
        seconds: of training so far.
        weights: {part: tensors by name}; the parts are "network", "averaged", "best" and "optimizer", each
            empty where there is none.
    """

    history: list[dict[str, float]]
    seconds: float
    weights: Mapping[str, Tensors]


def write_state(path: Path, state: TrainingState, identity: str) -> None:
    """Write a state in one step: a reader sees the old file or the whole new one.

    Args:
        identity: text about the data and settings of the training, which `read_state` compares.
    """
    tensors = {
        f"{part}/{name}": tensor.contiguous()
        for part, table in state.weights.items()
        for name, tensor in table.items()
    }
    metadata = {"identity": identity, "history": json.dumps(state.history), "seconds": repr(state.seconds)}
    draft = path.with_suffix(".new")
    save_file(tensors, draft, metadata)
    os.replace(draft, path)


def read_state(path: Path, identity: str) -> TrainingState:
    """The state in a file.

    Raises:
        ValueError: it belongs to a training of another identity.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
    if metadata.get("identity") != identity:
        raise ValueError(
            f"{path} belongs to a training with other data or options: delete it or give another --work "
            "folder"
        )
    weights: dict[str, dict[str, Tensor]] = {"network": {}, "averaged": {}, "best": {}, "optimizer": {}}
    for key, tensor in load_file(path).items():
        part, _, name = key.partition("/")
        weights[part][name] = tensor
    return TrainingState(parse_json(metadata["history"]), float(metadata["seconds"]), weights)


def moments_of(optimizer: torch.optim.Optimizer) -> Tensors:
    """What an optimizer remembers, {"<number of the parameter>/<name>": tensor}."""
    state = optimizer.state_dict()["state"]
    return {f"{i}/{name}": tensor for i, values in state.items() for name, tensor in values.items()}


def restore_moments(optimizer: torch.optim.Optimizer, moments: Tensors) -> None:
    """The inverse of `moments_of`. Each tensor gets the memory layout of its parameter, which a fused step
    takes for granted.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in moments.items():
        i, _, name = key.partition("/")
        like = parameters[int(i)].detach()
        same = tensor.shape == like.shape
        state.setdefault(int(i), {})[name] = torch.empty_like(like).copy_(tensor) if same else tensor
    optimizer.load_state_dict(optimizer.state_dict() | {"state": state})
