"""Fusion networks: one registry, found by scanning this folder and the entry points `mmer.fusion`.

Every network is built the same way, `create(name, dims={modality: D}, classes=C, **options)`; its `Options`
are a dataclass with the published sizes as defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mmer_core.labels import Modality
from mmer_core.registry import Entry, Registry

if TYPE_CHECKING:
    from mmer_core.fusion.base import FusionNetwork

__all__ = ["FUSION_MODELS", "FusionEntry", "create", "factory", "names"]


@dataclass(frozen=True, kw_only=True)
class FusionEntry(Entry):
    """The facts of a fusion network; listing them loads no torch."""


FUSION_MODELS: Registry[FusionNetwork, FusionEntry] = Registry(
    "fusion network", FusionEntry, package=__name__, group="mmer.fusion"
)


def create(name: str, *, dims: Mapping[Modality, int], classes: int, **options: Any) -> FusionNetwork:
    """Build a fusion network by name.

    Args:
        name: one of `names()`.
        dims: D, the feature width of each modality it will read.
        classes: C.
        options: fields of the network's `Options`.

    Raises:
        ValueError: an unknown name, option or choice; the message lists the known ones.
    """
    return FUSION_MODELS.factory(name)(dims, classes, **options)


def factory(name: str) -> Callable[..., FusionNetwork]:
    """The class behind `name`; its `Options` dataclass holds its options."""
    return FUSION_MODELS.factory(name)


def names() -> tuple[str, ...]:
    """Names of all fusion networks. Loads no torch."""
    return FUSION_MODELS.names()
