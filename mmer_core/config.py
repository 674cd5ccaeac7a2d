"""Settings: frozen dataclasses that round-trip through JSON, and the few places on disk the project knows."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parent.parent
CHECKPOINTS = ROOT / "checkpoints"
DEFAULT_CHECKPOINT = CHECKPOINTS / "default"
LARGE_CHECKPOINT = CHECKPOINTS / "large"
RUNS = Path(os.environ.get("MMER_RUNS") or CHECKPOINTS / "runs").expanduser()  # shipped runs and own ones


def models_folder() -> Path | None:
    """The local folder of pretrained weights that `MMER_MODELS` names, or None."""
    folder = os.environ.get("MMER_MODELS")
    return Path(folder).expanduser() if folder else None


class JsonConfig:
    """Mixin for frozen dataclasses: `to_json` and `from_json` are inverse to each other."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Build from a JSON object.

        Raises:
            ValueError: a key that this configuration does not have.
        """
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(data) - known)
        if unknown:
            raise ValueError(f"{cls.__name__} has no option {', '.join(unknown)}: known are {', '.join(sorted(known))}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})


@dataclass(frozen=True)
class Limits(JsonConfig):
    """What decoding one upload may cost. Chosen so that a hostile or endless file ends in seconds.

    Attributes:
        max_bytes: the largest file read.
        max_seconds: how much of the media is decoded; the rest is left out with a note.
        frames_per_second: how densely video is sampled.
        max_frames: frames kept at most; longer clips are sampled more thinly.
        frame_side: longer side of a kept frame, pixels.
        max_pixels: pixels of a frame or picture as coded; larger ones are refused.
        max_characters: how much of a text is used; the rest is left out with a note.
        memory: address space of the decoding process, bytes.
        cpu_seconds: processor time of the decoding process.
        wall_seconds: time until the decoding process is ended.
    """

    max_bytes: int = 200 * 2**20
    max_seconds: float = 60.0
    frames_per_second: float = 4.0
    max_frames: int = 120
    frame_side: int = 640
    max_pixels: int = 50_000_000
    max_characters: int = 20_000
    memory: int = 4 * 2**30
    cpu_seconds: int = 40
    wall_seconds: float = 30.0
