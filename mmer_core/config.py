"""Configuration dataclasses that round-trip through JSON, and the places on disk that the project knows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent  # the checkout; site-packages where the package is installed: never written to
INSTALLED = (PACKAGE / "_models").is_dir()  # the wheel carries the shipped models inside the package
CHECKPOINTS = PACKAGE / "_models" if INSTALLED else ROOT / "checkpoints"
DEFAULT_CHECKPOINT = CHECKPOINTS / "default"
LARGE_CHECKPOINT = CHECKPOINTS / "large"
SHIPPED_RUNS = CHECKPOINTS / "runs"  # read only; the wheel has none


def user_data() -> Path:
    """The folder in which this user's runs and features are kept; created by whoever writes into it."""
    from platformdirs import user_data_path

    return user_data_path("mmer", appauthor=False)


def runs_folder() -> Path:
    """The folder that runs are written to: `MMER_RUNS`, or one in the user's data folder."""
    named = os.environ.get("MMER_RUNS")
    return Path(named).expanduser().absolute() if named else user_data() / "runs"


def run_folders() -> tuple[Path, ...]:
    """The folders in which runs are looked for; new ones are written to the first.

    The shipped runs follow it, unless `MMER_RUNS` names the folder: then it is the only one.
    """
    shipped = SHIPPED_RUNS.is_dir() and not os.environ.get("MMER_RUNS")
    return (runs_folder(), SHIPPED_RUNS) if shipped else (runs_folder(),)


def features_folder() -> Path:
    """The feature store that is used unless another is named."""
    return user_data() / "features"


def working_folder() -> Path:
    """The folder that background commands run in: the checkout, or the user's data folder where installed."""
    return user_data() if INSTALLED else ROOT


def threads() -> int:
    """How many threads of the processor a network gets: `OMP_NUM_THREADS`, or 2. Processes that work side by
    side get one each, for two of two threads stop each other.
    """
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) > 0 else 2


#: Environment of a process that computes in one thread, since others compute beside it.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
RUNS = runs_folder()


def models_folder() -> Path | None:
    """The local folder of pretrained weights that `MMER_MODELS` names, or None."""
    folder = os.environ.get("MMER_MODELS")
    return Path(folder).expanduser() if folder else None


def in_models_folder(suffix: str) -> Iterator[Path]:
    """Files of this suffix in `MMER_MODELS`, however deep, in the order of their paths."""
    models = models_folder()
    if models is not None and models.is_dir():
        yield from sorted(p for p in models.rglob(f"*{suffix}") if p.is_file())


class JsonConfig:
    """Mixin for frozen dataclasses: `to_json` and `from_json` are inverse to each other."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
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
            raise ValueError(
                f"{cls.__name__} has no option {', '.join(unknown)}: known are {', '.join(sorted(known))}"
            )
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in data.items()})


@dataclass(frozen=True)
class Limits(JsonConfig):
    """Bounds on the cost of decoding one upload, chosen so that a hostile or endless file ends in seconds.

    Attributes:
        max_bytes: the largest file read; most of a video or sound is never in memory.
        held_bytes: the largest file that has to be in memory at once to be decoded: a picture, say.
        max_seconds: how much of the media is decoded; the rest is left out with a note.
        frames_per_second: how densely video is sampled.
        max_frames: frames kept at most; longer clips are sampled more thinly.
        frame_side: longer side of a kept frame of a video, pixels.
        frame_bytes: all kept frames of a video together; longer clips are kept smaller, but not under 640
            pixels.
        picture_side: longer side of a kept picture, pixels: a face may be a small part of a photograph.
        max_pixels: pixels of a frame or picture as coded; larger ones are refused.
        max_characters: how much of a text is used; the rest is left out with a note.
        memory: address space of the decoding process, bytes.
        cpu_seconds: processor time of the decoding process.
        wall_seconds: time until the decoding process is ended.
    """

    max_bytes: int = 2 * 2**30
    held_bytes: int = 200 * 2**20
    max_seconds: float = 60.0
    frames_per_second: float = 4.0
    max_frames: int = 120
    frame_side: int = 1280
    frame_bytes: int = 170 * 10**6
    picture_side: int = 4096
    max_pixels: int = 50_000_000
    max_characters: int = 20_000
    memory: int = 4 * 2**30
    cpu_seconds: int = 40
    wall_seconds: float = 30.0
