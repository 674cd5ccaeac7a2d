"""Encoders: one registry, found by scanning this folder and the entry points `mmer.encoders`.

An encoder's file carries the name that it registers and is imported only when that encoder is created.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mmer_core.encoders.base import EncoderSpec, EncoderUnavailable, ModalityEncoder
from mmer_core.labels import Modality
from mmer_core.registry import Entry, Registry

__all__ = [
    "ENCODERS",
    "EncoderEntry",
    "EncoderSpec",
    "EncoderUnavailable",
    "ModalityEncoder",
    "create",
    "factory",
    "modality_of",
    "names",
    "needs",
]


@dataclass(frozen=True, kw_only=True)
class EncoderEntry(Entry):
    """The facts of an encoder; listing them loads no torch.

    Attributes:
        modality: what it reads.
        seconds_per_clip: seconds that a clip of 3 to 4 s takes on one processor core, decoding and face
            detection included; None if never measured.
    """

    modality: Modality
    seconds_per_clip: float | None = None

    @property
    def sort_key(self) -> tuple[Any, ...]:
        """By modality, then as in every registry."""
        return (list(Modality).index(self.modality), *super().sort_key)


ENCODERS: Registry[ModalityEncoder, EncoderEntry] = Registry(
    "encoder", EncoderEntry, package=__name__, group="mmer.encoders"
)


def create(name: str, **options: Any) -> ModalityEncoder:
    """Build an encoder by name; ValueError for an unknown name or option, EncoderUnavailable if its weights
    cannot be had.
    """
    return ENCODERS.create(name, **options)


def factory(name: str) -> Callable[..., ModalityEncoder]:
    """The class behind `name`; its keyword arguments are the encoder's options.

    Raises:
        ValueError: unknown name; the message lists the known ones.
    """
    return ENCODERS.factory(name)


def needs(name: str) -> tuple[Any, ...]:
    """The files (see `weights`) that an encoder needs and neither the requirements nor this project bring;
    ValueError like `factory`.
    """
    return tuple(getattr(factory(name), "needs", ()))


def modality_of(name: str) -> Modality:
    """The modality that an encoder reads; ValueError like `factory`. Loads no torch."""
    return ENCODERS.entry(name).modality


def names(modality: Modality | None = None) -> tuple[str, ...]:
    """Names of all encoders, or of those of one modality, in the order of lists. Loads no torch."""
    return tuple(entry.name for entry in ENCODERS.entries() if modality in (None, entry.modality))
