"""The processor or accelerator that networks run on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

Device = Literal["auto", "cpu", "cuda", "mps"]
#: Accelerators in the order in which "auto" prefers them, each with how to ask for it.
ACCELERATORS: dict[str, Callable[[], bool]] = {
    "cuda": torch.cuda.is_available,
    "mps": torch.backends.mps.is_available,
}


def resolve(name: str = "auto") -> torch.device:
    """The device behind a name.

    Args:
        name: auto (an accelerator if there is one, else the processor), cpu, cuda or mps.

    Raises:
        ValueError: an unknown name, or an accelerator that this machine lacks.
    """
    if name == "auto":
        return torch.device(next((n for n, available in ACCELERATORS.items() if available()), "cpu"))
    if name != "cpu" and name not in ACCELERATORS:
        raise ValueError(f"unknown device {name!r}: choose one of auto, cpu, {', '.join(ACCELERATORS)}")
    if name in ACCELERATORS and not ACCELERATORS[name]():
        raise ValueError(f"this machine has no device {name} that PyTorch can use: choose auto or cpu")
    return torch.device(name)
