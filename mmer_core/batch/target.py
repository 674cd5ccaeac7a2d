"""The file that a person asked for: refused before anything is read, or written whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmer_core.runs.tables import in_one_step


def check_free(out: Path, *, overwrite: bool = False) -> None:
    """Refuse a file that could not be written in the end.

    Raises:
        ValueError: it is there already.
        OSError: its folder is missing.
    """
    if out.exists() and not overwrite:
        raise ValueError(f"{out} is there already: choose another name, or add --overwrite")
    if not out.absolute().parent.is_dir():
        raise OSError(f"the folder {out.parent} does not exist: create it first")


@contextmanager
def written_to(out: Path) -> Iterator[Path]:
    """A draft that takes the file's place when it is whole.

    Raises:
        OSError: it cannot be written; one sentence says so.
    """
    try:
        with in_one_step(out) as draft:
            yield draft
    except OSError as error:
        raise OSError(
            f"{out} cannot be written ({error.strerror or error}): free some space or choose another folder; "
            "what was read is kept"
        ) from error
