"""The file that a person asked for: refused before anything is read, or written whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mmer_core.batch.urls import filesystem, put_whole, told
from mmer_core.media.places import is_url
from mmer_core.runs.tables import in_one_step


def check_free(out: Path | str, *, overwrite: bool = False) -> None:
    """Refuse a file that could not be written in the end.

    Raises:
        ValueError: it is there already.
        OSError: its folder is missing, or the place cannot be reached.
    """
    if _is_there(out) and not overwrite:
        raise ValueError(f"{out} is there already: choose another name, or add --overwrite")
    if isinstance(out, Path) and not out.absolute().parent.is_dir():
        raise OSError(f"the folder {out.parent} does not exist: create it first")


def _is_there(out: Path | str) -> bool:
    if isinstance(out, Path):
        return out.exists()
    system, path = filesystem(out)
    with told(out, "reached", "check the name, and the rights there"):
        return bool(system.exists(path))


@contextmanager
def written_to(out: Path | str) -> Iterator[Path]:
    """A draft that takes the place of a file, or of what is at a URL, when it is whole.

    Raises:
        OSError: it cannot be written; one sentence says so.
    """
    if isinstance(out, str) and is_url(out):
        with put_whole(out) as draft:
            yield draft
        return
    try:
        with in_one_step(Path(out)) as draft:
            yield draft
    except OSError as error:
        raise OSError(
            f"{out} cannot be written ({error.strerror or error}): free some space or choose another folder; "
            "what was read is kept"
        ) from error
