"""Fusion models: one registry, one file per idea. A family is imported only when one of its names is asked for.

Every model is built the same way, `create(name, dims={modality: D}, classes=C, **options)`; `model.Options` lists its options with the
published sizes as defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from mmer_core.fusion.model import FusionModel, FusionNetwork, FusionOutput
from mmer_core.labels import Modality
from mmer_core.registry import Registry

__all__ = ["FUSION_MODELS", "FusionModel", "FusionNetwork", "FusionOutput", "create", "factory", "names"]

FUSION_MODELS: Registry[FusionNetwork] = Registry("fusion model")
_FAMILIES = ("unimodal", "early", "late", "ensemble", "attention", "transformer")


def _load_families() -> None:
    for family in _FAMILIES:
        import_module(f"mmer_core.fusion.{family}")


def create(name: str, *, dims: Mapping[Modality, int], classes: int, **options: Any) -> FusionNetwork:
    """Build a fusion model by name.

    Args:
        name: one of `names()`.
        dims: D, the feature width of each modality it will read.
        classes: C.
        options: fields of the model's `Options`.

    Raises:
        ValueError: an unknown name, option or choice; the message lists the known ones.
    """
    return factory(name)(dims, classes, **options)


def factory(name: str) -> Callable[..., FusionNetwork]:
    """The class behind `name`; its `Options` dataclass is what a command line turns into flags."""
    _load_families()
    return FUSION_MODELS.factory(name)


def names() -> tuple[str, ...]:
    """Names of all fusion models."""
    _load_families()
    return FUSION_MODELS.names()
