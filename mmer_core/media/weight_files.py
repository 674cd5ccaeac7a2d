"""Networks whose weights come with this package, each loaded once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

Network = TypeVar("Network", bound=torch.nn.Module)
_lock = threading.Lock()
_loaded: dict[Path, torch.nn.Module] = {}


class WeightsUnavailable(RuntimeError):
    """The weights are not where the package keeps them; the message says what to do."""


def load_network(file: Path, make: Callable[[], Network]) -> Network:
    """The network with the weights of a file, in single precision; read at the first call.

    Args:
        file: a .safetensors.
        make: builds the network with weights of any value.

    Raises:
        WeightsUnavailable: the file is missing or damaged.
    """
    with _lock:  # two first calls at once would load it twice
        if file not in _loaded:
            try:
                state = {key: tensor.float() for key, tensor in load_file(file).items()}
                network = make()
                network.load_state_dict(state)
            except (OSError, SafetensorError, RuntimeError) as error:
                raise WeightsUnavailable(
                    f"{file} is missing or damaged: install the package again"
                ) from error
            _loaded[file] = network.eval().requires_grad_(False)
        return _loaded[file]  # type: ignore[return-value]
