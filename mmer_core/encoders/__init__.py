"""Encoders: one registry, one file per family. A family is imported only when one of its names is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mmer_core.encoders.spec import EncoderSpec, EncoderUnavailable, ModalityEncoder
from mmer_core.registry import Registry

__all__ = ["ENCODERS", "EncoderSpec", "EncoderUnavailable", "ModalityEncoder", "create", "names"]

ENCODERS: Registry[ModalityEncoder] = Registry("encoder")
_FAMILIES = ("text", "audio", "visual")


def _load_families() -> None:
    for family in _FAMILIES:
        import_module(f"mmer_core.encoders.{family}")


def create(name: str, **options: Any) -> ModalityEncoder:
    """Build an encoder by name; ValueError for an unknown name, EncoderUnavailable if its weights cannot be had."""
    _load_families()
    return ENCODERS.create(name, **options)


def names() -> tuple[str, ...]:
    """Names of all encoders."""
    _load_families()
    return ENCODERS.names()
