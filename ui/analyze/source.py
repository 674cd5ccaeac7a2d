"""What a person gave, and which of it is shown."""

from __future__ import annotations

import hashlib
import io
import mimetypes
from dataclasses import dataclass, replace
from functools import cached_property

import streamlit as st

from mmer_core.clock import clock
from mmer_core.media.loading import display_name, stretch_digest
from ui.analyze.kept_file import KeptFile

LARGE = 32 * 2**20  # bytes from which on an upload is kept on disk, not in memory
Stretch = tuple[float, float]  # from, to, seconds
_SOURCE = "source"


@dataclass(frozen=True)
class Source:
    """One input as it was given.

    Attributes:
        name: what to call it on the page.
        data: the file's bytes; None for text, and for a large file.
        text: the words, for text-only input, or to go with the file instead of a transcript.
        origin: "upload", "recording", "live", "text" or "sample".
        file: a large file.
        stretch: the part of a video or sound that is wanted; None for all of it.
    """

    name: str
    data: bytes | None = None
    text: str | None = None
    origin: str = "upload"
    file: KeptFile | None = None
    stretch: Stretch | None = None

    @property
    def mime(self) -> str:
        """The media type that the name stands for."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @property
    def is_words(self) -> bool:
        """Whether it is words alone."""
        return self.data is None and self.file is None

    @property
    def shown(self) -> str:
        """The name as it can be shown, with the stretch: "talk.mp4, 0:05 to 0:12"."""
        part = "" if self.stretch is None else f", {stretch_words(self.stretch)}"
        return f"{display_name(self.name)}{part}"

    @cached_property
    def file_digest(self) -> str:
        """sha256 of the file; "" for words."""
        if self.file is not None:
            return self.file.sha256
        return "" if self.data is None else hashlib.sha256(self.data).hexdigest()

    @cached_property
    def digest(self) -> str:
        """sha256 of what was given; of a file without words, of a stretch of it, or of words alone, as in
        `Clip.digest`.
        """
        if self.stretch is not None:
            return stretch_digest(self.file_digest, *self.stretch)
        if self.file is not None and not self.text:
            return self.file.sha256
        given = self.file_digest.encode() if self.file is not None else self.data or b""
        return hashlib.sha256(given + (self.text or "").encode()).hexdigest()

    def cut(self, stretch: Stretch | None) -> Source:
        """A stretch of the same file, or all of it; the words of a file do not go with a stretch."""
        return replace(self, stretch=stretch)

    def kept(self) -> KeptFile:
        """The file on disk; written there if it is in memory.

        Raises:
            MediaError: there is no room for it.
        """
        return self.file or KeptFile(io.BytesIO(self.data or b""), self.name)


def stretch_words(stretch: Stretch) -> str:
    """A stretch for people: "0:05 to 0:12"."""
    return " to ".join(clock(time, tenths=False) for time in stretch)


def chosen() -> Source | None:
    """The source that the person chose last, or None."""
    return st.session_state.get(_SOURCE)


def choose(source: Source | None) -> None:
    """Make `source` the one to show; None clears the page."""
    st.session_state[_SOURCE] = source
