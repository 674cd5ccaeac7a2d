"""The models that this project ships, and which of them work on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mmer_core import encoders
from mmer_core.checkpoint import CheckpointError
from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT

if TYPE_CHECKING:
    from collections.abc import Collection

    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.labels import Modality

DEFAULT = "default"
MODELS: dict[str, Path] = {DEFAULT: DEFAULT_CHECKPOINT, "large": LARGE_CHECKPOINT}


def load_model(
    name_or_folder: str | Path = DEFAULT, device: str = "auto", wanted: Collection[Modality] | None = None
) -> EmotionModel:
    """Read a model.

    Args:
        name_or_folder: a shipped model by its name ("default", "large"), the folder of a model, or that of a
            run.
        device: "auto", "cpu", "cuda" or "mps".
        wanted: modalities that will be read from clips, by default all; others need no time to load then.

    Raises:
        CheckpointError, EncoderUnavailable, ValueError: see `EmotionModel.load`.
    """
    from mmer_core.inference.emotion_model import EmotionModel

    return EmotionModel.load(folder_of(name_or_folder), device, wanted)


def folder_of(name_or_folder: str | Path) -> Path:
    """The folder of a shipped model, given its name, or the folder itself."""
    return MODELS.get(str(name_or_folder), Path(name_or_folder))


def usable_models() -> tuple[str, ...]:
    """Names of the shipped models whose weights are all on this machine, the default one first; asks no
    network.

    The default model is always named, so that what is wrong with it is said where it is loaded.
    """
    return (DEFAULT, *(name for name, folder in MODELS.items() if name != DEFAULT and _complete(folder)))


def _complete(folder: Path) -> bool:
    """Whether a model beside the default one can be loaded here; one that cannot is not offered, and nobody
    asked for it.
    """
    from mmer_core.inference import record as records

    try:
        record = records.read(folder)
    except CheckpointError:
        return False
    return all(
        file.find() is not None
        for entry in record["modalities"].values()
        for file in encoders.needs(entry["encoder"])
    )
