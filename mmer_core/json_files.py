"""JSON that somebody else may have written, and files of it that appear whole."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MOST_JSON = 64 * 2**20  # bytes of a file; the largest that is written has some hundred thousand


def parse_json(text: str) -> Any:
    """What a text says.

    Raises:
        ValueError: it is no JSON, which is a `json.JSONDecodeError`, or nested beyond what can be read.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def read_json(path: Path, most: int = MOST_JSON) -> Any:
    """The JSON in a file.

    Args:
        path: the file.
        most: its size, bytes; a larger one is not read.

    Raises:
        FileNotFoundError, OSError: it cannot be read.
        ValueError: it is no JSON, nested beyond what can be read, or larger than `most`.
    """
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"it is larger than {most >> 20} MB")
    return parse_json(content.decode("utf-8"))


def object_in(path: Path) -> dict[str, Any]:
    """The JSON object in a file that is often written anew; {} where there is none that can be read."""
    try:
        found = read_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, data: Any) -> None:
    """Write JSON in one step: a reader sees the old file or the whole new one."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)
