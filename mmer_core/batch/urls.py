"""Files at the URLs that fsspec knows (s3://, gs://, memory:// and so on): clips that are copied for the time
they are read, and tables that are put in their place whole.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    """What reads and writes at a URL, and the path there.

    Raises:
        ValueError: nothing that is installed knows such URLs.
    """
    from fsspec.core import url_to_fs

    try:
        return url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise ValueError(f"{url} cannot be reached ({error}): install what is named there") from error
    except ValueError as error:
        raise ValueError(f"{url} cannot be reached ({error}): check the beginning of its name") from error


@contextlib.contextmanager
def told(url: str, what: str, then: str) -> Iterator[None]:
    """Say in one sentence what failed at a URL, whatever the library behind it raises.

    Raises:
        OSError: the sentence.
    """
    try:
        yield
    except Exception as error:
        # the libraries of object stores raise errors of their own kinds
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise OSError(f"{url} cannot be {what} ({lines[0][:200]}): {then}") from error


@contextlib.contextmanager
def local_copy(url: str) -> Iterator[Path]:
    """A copy of the file at a URL, with its name, in this process's private temporary folder; it is gone
    afterwards, and what a killed process leaves goes at the next start.

    Raises:
        OSError: it cannot be read, in one sentence.
    """
    from mmer_core.media.private_folder import work_in_private_folder

    system, path = filesystem(url)
    with tempfile.TemporaryDirectory(dir=work_in_private_folder()) as folder:
        copy = Path(folder) / (path.rstrip("/").rpartition("/")[2] or "clip")
        with told(url, "read", "check the name, and the rights to read it"):
            system.get_file(path, str(copy))
        yield copy


@contextlib.contextmanager
def put_whole(url: str) -> Iterator[Path]:
    """A draft on this machine that takes its place at a URL when it is whole: it is put beside it under
    another name first, and moved.

    Raises:
        OSError: it cannot be written, in one sentence.
    """
    from mmer_core.media.private_folder import work_in_private_folder

    system, path = filesystem(url)
    folder, _, name = path.rpartition("/")
    with tempfile.TemporaryDirectory(dir=work_in_private_folder()) as own:
        draft = Path(own) / name
        yield draft
        beside = f"{folder}/.{name}.draft"
        with told(url, "written", "check the rights to write there; what was read is kept"):
            system.put_file(str(draft), beside)
            system.mv(beside, path)
