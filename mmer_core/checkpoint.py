"""One model on disk: `model.json` (its record, with the sha256 of every other file) and safetensors. Nothing
in it can run code.

A model may build on another in the folder beside it: what it does not bring itself it takes from there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from mmer_core.json_files import read_json, write_json

if TYPE_CHECKING:
    from torch import Tensor

SCHEMA = 2
RECORD = "model.json"
FILE_OPTIONS = ("weights", "delta")  # options of encoders that name a file of the model


class CheckpointError(RuntimeError):
    """A model's folder that cannot be used; the message names it and says why."""


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a model's folder, after checking the schema and the sha256 of every file it names, its
    own and those of the model it builds on.

    Raises:
        CheckpointError: no such folder, unreadable record, another schema, or a file that is missing or
            changed.
    """
    record = _parse(folder)
    _check_files(folder, record)
    base = base_of(folder, record)
    if base is not None:
        found = _parse(base)
        if "base" in found or fingerprint(found) != record["base"]["sha256"]:
            raise CheckpointError(
                f"{folder} builds on another model than the one in {base}: copy both folders again, "
                "from one version"
            )
        _check_files(base, found)
    return record


def base_of(folder: Path, record: Mapping[str, Any]) -> Path | None:
    """The folder of the model that this one builds on, or None; it lies beside `folder`.

    Raises:
        CheckpointError: the record names a folder elsewhere, or none.
    """
    if "base" not in record:
        return None
    base = record["base"]
    name = base.get("folder") if isinstance(base, dict) else None
    if not is_plain(name) or not isinstance(base.get("sha256"), str):
        raise CheckpointError(
            f"{folder / RECORD} builds on a model at {name!r}, not beside it: do not use this model"
        )
    return folder.parent / name


def find_file(folder: Path, record: Mapping[str, Any], name: str) -> Path:
    """Path of a file of a model: in its own folder, or else in that of the model it builds on.

    Raises:
        CheckpointError: the name leads elsewhere.
    """
    if not is_plain(name):
        raise CheckpointError(
            f"{folder / RECORD} names the file {name!r} outside its folder: do not use this model"
        )
    base = base_of(folder, record)
    return folder / name if base is None or name in record["files"] else base / name


def is_plain(name: object) -> TypeGuard[str]:
    """Whether a value is the name of something in a folder, and leads nowhere else, on no system."""
    return (
        isinstance(name, str)
        and name.isprintable()
        and name not in ("", ".", "..")
        and not set(name) & set("/\\:")
    )


def _parse(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    try:
        record = read_json(path)
    except FileNotFoundError:
        raise CheckpointError(
            f"no model in {folder}: name the folder of a model or of a run, or train one"
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}): restore the file or train the model again"
        ) from error
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise CheckpointError(_other_schema(folder, record))
    return record


def _other_schema(folder: Path, record: Any) -> str:
    """The reason why a record of another schema is refused."""
    found = record.get("schema") if isinstance(record, dict) else None
    if isinstance(record, dict) and record.get("kind") == "fold":
        return (
            f"{folder} holds one fold of a run of an older version, which answers no clips: train the run "
            "again and name the run's folder"
        )
    if isinstance(found, int) and found < SCHEMA:
        return (
            f"{folder} holds a model of an older version (schema {found}, this one reads {SCHEMA}): train "
            "it again"
        )
    return (
        f"{folder / RECORD} has another format than this version reads (schema {SCHEMA}): use the version "
        "that wrote it"
    )


def _check_files(folder: Path, record: Mapping[str, Any]) -> None:
    path, files = folder / RECORD, record.get("files", {})
    if not isinstance(files, dict):
        raise CheckpointError(f"{path} lists no files: copy the whole model folder again")
    for name, digest in files.items():
        file = folder / name
        if not is_plain(name):
            raise CheckpointError(f"{path} names the file {name!r} outside its folder: do not use this model")
        if not file.is_file():
            raise CheckpointError(f"{folder} lacks {name}: copy the whole model folder again")
        if sha256_of(file) != digest:
            raise CheckpointError(
                f"{file} differs from what {RECORD} says: copy the whole model folder again"
            )


def write_record(folder: Path, record: Mapping[str, Any], files: list[str], base: Path | None = None) -> None:
    """Write model.json last, with the sha256 of `files` (names inside `folder`): a folder without it is
    unfinished.

    Args:
        base: the folder, beside `folder`, of the model that this one builds on.
    """
    digests = {name: sha256_of(folder / name) for name in files}
    bound = {} if base is None else {"base": {"folder": base.name, "sha256": fingerprint(read_record(base))}}
    write_json(folder / RECORD, {"schema": SCHEMA, **record, **bound, "files": digests})


def fingerprint(record: Mapping[str, Any]) -> str:
    """sha256 that identifies a model: over its record without the card, hence over every weight file too."""
    identity = {k: v for k, v in record.items() if k != "card"}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as safetensors, contiguous and on the CPU.

    Raises:
        OSError: the file cannot be written, for instance because the disk is full.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, path)
    except SafetensorError as error:
        raise OSError(
            f"{path} cannot be written: {str(error).removeprefix('Error while serializing: ')}"
        ) from error


def load_tensors(path: Path) -> dict[str, Tensor]:
    """Read safetensors, half precision widened to float32.

    Raises:
        CheckpointError: the file is damaged, or no safetensors.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(path)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise damaged(path, error) from error
    return {name: t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for name, t in found.items()}


def damaged(path: Path, error: Exception) -> CheckpointError:
    """What to raise where a file of a model cannot be read."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return CheckpointError(f"{path} is damaged ({reason[:120]}): copy the whole model folder again")
