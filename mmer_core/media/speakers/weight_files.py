"""The weights of the speaker networks, which come with this package."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

FOLDER = Path(__file__).parent / "weights"
Network = TypeVar("Network", bound=torch.nn.Module)
_lock = threading.Lock()
_loaded: dict[str, torch.nn.Module] = {}


class SpeakersUnavailable(RuntimeError):
    """The weights are not where the package keeps them; the message says what to do."""


def load_network(name: str, make: Callable[[], Network]) -> Network:
    """The network with the weights of a file, in single precision; read at the first call.

    Args:
        name: of the file in `FOLDER`, without its ending.
        make: builds the network with weights of any value.

    Raises:
        SpeakersUnavailable: the file is missing or damaged.
    """
    with _lock:  # two first calls at once would load it twice
        if name not in _loaded:
            file = FOLDER / f"{name}.safetensors"
            try:
                state = {key: tensor.float() for key, tensor in load_file(file).items()}
                network = make()
                network.load_state_dict(state)
            except (OSError, SafetensorError, RuntimeError) as error:
                raise SpeakersUnavailable(
                    f"{file} is missing or damaged: install the package again to tell speakers apart"
                ) from error
            _loaded[name] = network.eval().requires_grad_(False)
        return _loaded[name]  # type: ignore[return-value]
