"""Encoders: one registry, one file per family. A family is imported only when one of its names is asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from mmer_core.encoders.spec import EncoderSpec, EncoderUnavailable, ModalityEncoder
from mmer_core.labels import Modality
from mmer_core.registry import Registry

__all__ = ["ENCODERS", "FAMILIES", "EncoderSpec", "EncoderUnavailable", "ModalityEncoder", "create", "factory", "modality_of", "names", "needs"]

ENCODERS: Registry[ModalityEncoder] = Registry("encoder")

#: {modality: {encoder: the file it is in}}; listing them loads nothing.
FAMILIES: dict[Modality, dict[str, str]] = {
    Modality.TEXT: {"minilm": "text", "bert": "bert", "mpnet": "mpnet"},
    Modality.AUDIO: {
        "voice_frames": "audio",
        "mel_cnn": "mel_cnn",
        "vggish": "vggish",
        "whisper": "whisper",
        "librosa_stats": "librosa_stats",
        "lld": "lld",
        "opensmile_lld": "lld",
    },
    Modality.VISUAL: {"face_cnn": "visual", "clip": "clip_frames", "resnet50": "resnet", "haar_stats": "haar"},
    Modality.METADATA: {"dialogue": "dialogue"},
}
_FILES: dict[str, str] = {name: file for family in FAMILIES.values() for name, file in family.items()}


def create(name: str, **options: Any) -> ModalityEncoder:
    """Build an encoder by name; ValueError for an unknown name or option, EncoderUnavailable if its weights cannot be had."""
    return factory(name)(**options)


def factory(name: str) -> Callable[..., ModalityEncoder]:
    """The class behind `name`; its keyword arguments are the encoder's options.

    Raises:
        ValueError: unknown name; the message lists the known ones.
    """
    if name not in _FILES:
        raise ValueError(f"unknown encoder {name!r}: choose one of {', '.join(names())}")
    import_module(f"mmer_core.encoders.{_FILES[name]}")
    return ENCODERS.factory(name)


def needs(name: str) -> tuple[Any, ...]:
    """The files (see `weights`) that an encoder needs and neither the requirements nor this project bring; ValueError like `factory`."""
    return tuple(getattr(factory(name), "needs", ()))


def modality_of(name: str) -> Modality:
    """What an encoder reads; ValueError like `factory`. Loads nothing."""
    for modality, family in FAMILIES.items():
        if name in family:
            return modality
    raise ValueError(f"unknown encoder {name!r}: choose one of {', '.join(names())}")


def names() -> tuple[str, ...]:
    """Names of all encoders, by modality. Loads nothing."""
    return tuple(_FILES)
