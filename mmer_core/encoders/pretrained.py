"""Base classes of encoders that run a torch network: on a device, and with published or random weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from mmer_core.encoders.base import EncoderSpec, EncoderUnavailable
from mmer_core.encoders.device import Device, resolve
from mmer_core.encoders.weights import Weights


class TorchEncoder:
    """An encoder whose features a torch network computes.

    Args:
        network: is put into evaluation mode and moved.
        device: where the network runs; features come back to the processor.

    Attributes:
        spec: its record.
    """

    spec: EncoderSpec

    def __init__(self, network: nn.Module, device: Device = "cpu") -> None:
        self.device = resolve(device)
        self.network = network.eval().to(self.device)

    def compute(self, forward: Callable[..., Tensor], *inputs: Tensor, size: int | None = None) -> np.ndarray:
        """The rows that a function of tensors gives on the encoder's device, without gradients.

        Args:
            forward: tensors of B rows on the device to (B, ...).
            inputs: tensors of B rows each, B >= 1.
            size: rows that are computed at once; all by default.

        Returns:
            (B, ...) float32.
        """
        parts = zip(*(x.split(size or len(x)) for x in inputs), strict=True)
        with torch.inference_mode():
            rows = [forward(*(x.to(self.device) for x in part)).float().cpu() for part in parts]
        return torch.cat(rows).numpy()


class PretrainedEncoder(TorchEncoder):
    """A frozen published network, or a tiny one of the same kind with random weights.

    A subclass names its `weights`, says in `build` how the network is made, and in `tensor_name` which
    tensors of the file belong to it.

    Args:
        random_init: seed of a tiny network with random weights, for tests and for trying a pipeline out.
    """

    weights: ClassVar[Weights]
    source: ClassVar[str]  # of the weights, as the spec says it

    @staticmethod
    def build(tiny: bool) -> nn.Module:
        """An untrained network of the published size, or a tiny one."""
        raise NotImplementedError

    @staticmethod
    def tensor_name(published: str) -> str | None:
        """The network's name of a tensor in the file; None for one that is not read."""
        return published

    @classmethod
    def load(cls, random_init: int | None = None) -> Any:
        """The network with published weights, float32, or the tiny one with weights drawn from a seed.

        Raises:
            EncoderUnavailable: the weights cannot be had, read, or do not fit; the message says how to get
                them.
        """
        if random_init is not None:
            with random_weights(random_init):
                return cls.build(tiny=True).eval().requires_grad_(False)
        path = cls.weights.locate()
        with torch.device("meta"):
            network = cls.build(tiny=False)
        try:
            tensors = dict(_tensors(path, cls.tensor_name))
            network.load_state_dict(tensors, assign=True)
            if any(tensor.is_meta for tensor in (*network.parameters(), *network.buffers())):
                network = cls.build(tiny=False)  # it computes buffers that no file holds
                network.load_state_dict(tensors)
        except (RuntimeError, OSError, SafetensorError) as error:
            raise EncoderUnavailable(
                f"the weights {cls.weights.label} do not fit their network: {cls.weights.how_to_get}"
            ) from error
        return network.eval().requires_grad_(False)

    @classmethod
    def provenance(cls, random_init: int | None = None) -> tuple[str, str]:
        """Source and revision for the spec; random weights have their own, so that features never mix."""
        if random_init is not None:
            return "this project", f"random-{random_init}"
        return cls.source, cls.weights.identity


def _tensors(path: Path, tensor_name: Callable[[str], str | None]) -> Iterator[tuple[str, Tensor]]:
    """The named tensors of a safetensors file, those of floating point in float32; others are not read."""
    with safe_open(path, "pt") as file:
        for published in file.keys():  # noqa: SIM118 - not a dict
            name = tensor_name(published)
            if name is not None:
                tensor: Tensor = file.get_tensor(published)
                yield name, tensor.float() if tensor.is_floating_point() else tensor


@contextmanager
def random_weights(seed: int) -> Iterator[None]:
    """A context in which torch draws from this seed; afterwards it goes on where it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
