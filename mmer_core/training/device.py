"""Where networks are trained, and in which number format their matrices are multiplied there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mmer_core.encoders.device import ACCELERATORS, resolve

__all__ = ["ACCELERATORS", "fastest", "multiplies_bfloat16", "resolve", "seeded"]


def multiplies_bfloat16(device: str | torch.device = "cpu") -> bool:
    """Whether bfloat16 saves time on a device.

    Processors that lack it (x86 without AVX-512, as most laptops) imitate it: training adapters on MiniLM
    then takes 16 times as long as in float32.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    if kind != "cpu":
        return False
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def fastest(device: str | torch.device = "cpu") -> torch.autocast:
    """A context in which matrix products and convolutions on a device run in bfloat16 where that saves time,
    and in float32 elsewhere.
    """
    return torch.autocast(
        torch.device(device).type, dtype=torch.bfloat16, enabled=multiplies_bfloat16(device)
    )


@contextmanager
def seeded(seed: int, device: str | torch.device = "cpu") -> Iterator[None]:
    """A context in which all that is drawn on the processor and on a device follows from `seed`; afterwards
    the global generators are as they were (on mps, the processor's only).
    """
    devices = [torch.device(device)] if torch.device(device).type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
