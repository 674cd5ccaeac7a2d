"""Heads: classifiers of the features of one modality, (B, T, D) and (B, T) padding to logits (B, C).

One registry, found by scanning this folder. Every head is built the same way, `create(name, dim, classes,
**options)`. A head gets the features as the encoder gives them and standardises them itself, if at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mmer_core.registry import Entry, Registry

if TYPE_CHECKING:
    from torch import nn

__all__ = ["HEADS", "create"]

HEADS: Registry[nn.Module, Entry] = Registry("head", Entry, package=__name__)


def create(name: str, dim: int, classes: int, /, **options: Any) -> nn.Module:
    """Build a head by name.

    Args:
        name: one of `HEADS.names()`.
        dim: D, width of the features.
        classes: C.
        options: keyword arguments of the head.

    Raises:
        ValueError: an unknown name or option, or options that do not fit D.
    """
    try:
        return HEADS.factory(name)(dim, classes, **options)
    except TypeError as error:
        raise ValueError(f"the head {name} cannot be built with these options ({error})") from error
