"""A large file of a visit on disk, in a private folder that goes with whoever holds it."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import BinaryIO

from mmer_core.media.file_checks import MediaError, display_name

BLOCK = 2**20  # bytes


class KeptFile:
    """A copy of what was given, written once, in blocks, and hashed on the way; only this user of the machine
    can read it. It is removed when nothing holds it any more: with the visit, or when the app ends.

    Args:
        content: read from its start to its end.
        name: the sender's; for messages, never part of a path.

    Attributes:
        path: of the file.
        size: bytes.
        sha256: of the content.

    Raises:
        MediaError: there is no room for it, or the temporary folder cannot be used.
    """

    def __init__(self, content: BinaryIO, name: str) -> None:
        try:
            folder = Path(tempfile.mkdtemp(prefix="mmer-"))  # 0700
        except OSError as error:
            raise _unwritable(name, error) from error
        self._gone = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.path = folder / "recording"
        digest = hashlib.sha256()
        content.seek(0)
        try:
            with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                while block := content.read(BLOCK):
                    digest.update(block)
                    file.write(block)
                self.size = file.tell()
        except OSError as error:
            self._gone()
            raise _unwritable(name, error) from error
        self.sha256 = digest.hexdigest()

    def remove(self) -> None:
        """Remove it now, whoever still holds it."""
        self._gone()

    @property
    def folder(self) -> Path:
        """Private, for what is made of the file; it goes with it."""
        return self.path.parent


def _unwritable(name: str, error: OSError) -> MediaError:
    reason = "is full" if error.errno == errno.ENOSPC else f"cannot be written ({error.strerror})"
    return MediaError(
        f"{display_name(name)} cannot be kept because the temporary folder {reason}: free some space there "
        "or set TMPDIR"
    )
