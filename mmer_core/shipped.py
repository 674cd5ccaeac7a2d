"""The models that this project ships, and which of them work on this machine."""

from __future__ import annotations

from pathlib import Path

from mmer_core import encoders
from mmer_core.checkpoint import CheckpointError, read_record
from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT

DEFAULT = "default"
MODELS: dict[str, Path] = {DEFAULT: DEFAULT_CHECKPOINT, "large": LARGE_CHECKPOINT}


def usable_models() -> tuple[str, ...]:
    """Names of the shipped models whose weights are all on this machine, the default one first; asks no network.

    The default model is always named, so that what is wrong with it is said where it is loaded.
    """
    return (DEFAULT, *(name for name, folder in MODELS.items() if name != DEFAULT and _complete(folder)))


def _complete(folder: Path) -> bool:
    """Whether a model beside the default one can be loaded here; one that cannot is not offered, and nobody asked for it."""
    try:
        record = read_record(folder)
    except CheckpointError:
        return False
    return all(file.find() is not None for entry in record["modalities"].values() for file in encoders.needs(entry["encoder"]))
