"""A second device for machines that have none: tensors that compute on the processor but say that they lie
elsewhere, and refuse to be mixed with tensors of the processor as those of an accelerator do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import pytest
import torch
import torch._dynamo  # PyTorch imports it when it is first needed; not then, when names are patched
from torch import Tensor, nn
from torch.optim import optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("meta")  # only its name: the one device besides the processor that every build knows
_aten = torch.ops.aten
_MOVING = {_aten._to_copy.default, _aten.copy_.default}
_TAKING_BOTH = {  # indices, and lengths of packed sequences, may lie on the processor on every accelerator
    _aten.index.Tensor,
    _aten.index_put.default,
    _aten._index_put_impl_.default,
    _aten._pack_padded_sequence.default,
    _aten._pad_packed_sequence.default,
    _aten.lstm.data,
}


class PretendTensor(Tensor):
    """A tensor on the pretended device; `inner` holds its values."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.shape,
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=DEVICE,
            requires_grad=inner.requires_grad,
        )

    def __init__(self, inner):
        self.inner = inner

    def tolist(self):
        return self.inner.tolist()

    @property
    def data(self):
        return PretendTensor(self.inner.detach())

    @data.setter
    def data(self, value):
        self.inner = value.inner

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


class _Device(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return _run(func, args, kwargs or {})


def _run(func, args, kwargs):
    """Compute on the processor; what belongs to the pretended device is wrapped."""
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    ours = [t for t in tensors if isinstance(t, PretendTensor)]
    if ours and func not in _MOVING | _TAKING_BOTH:
        _refuse_mixture(func, tensors)
    device = kwargs.get("device")
    away = bool(ours) if device is None else torch.device(device) == DEVICE
    if func is _aten.copy_.default:
        away = isinstance(args[0], PretendTensor)
    if device is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    with torch.inference_mode(False), torch.no_grad():
        result = func(*tree_map(_unwrapped, args), **tree_map(_unwrapped, kwargs))
        if func is _aten._pack_padded_sequence.default:
            return PretendTensor(result[0]), result[1]
        known = {id(t.inner): t for t in ours}  # what was changed in place is the same tensor afterwards
        return tree_map(lambda leaf: _wrapped(leaf, known), result) if away else result


def _refuse_mixture(func, tensors):
    """Scalars of the processor may take part everywhere, other tensors nowhere."""
    strange = [tuple(t.shape) for t in tensors if not isinstance(t, PretendTensor) and t.dim() > 0]
    if strange:
        raise RuntimeError(f"{func} mixes the device with a tensor {strange[0]} of the processor")


def _unwrapped(leaf):
    return leaf.inner if isinstance(leaf, PretendTensor) else leaf


def _wrapped(leaf, known):
    if not isinstance(leaf, Tensor):
        return leaf
    return known[id(leaf)] if id(leaf) in known else PretendTensor(leaf)


@contextmanager
def pretended_device(patch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """The device, with what PyTorch refuses for its name alone (fused optimizers, autocast, generators) let
    through, and with numbers of Python moved there by way of the processor.
    """
    supported = [*optimizer._get_fused_kernels_supported_devices(), DEVICE.type]
    patch.setattr(optimizer, "_get_fused_kernels_supported_devices", lambda: supported)
    patch.setattr(torch, "autocast", lambda *args, **options: nullcontext())
    generator, tensor = torch.Generator, torch.tensor
    patch.setattr(torch, "Generator", lambda device="cpu": generator())
    patch.setattr(torch, "tensor", lambda data, device="cpu", **options: tensor(data, **options).to(device))
    with _Device():
        yield DEVICE


def move(module: nn.Module) -> nn.Module:
    """The module on the pretended device."""
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        return module.to(DEVICE)
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)
