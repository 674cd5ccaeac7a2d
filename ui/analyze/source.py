"""What a person gave, and which of it is shown."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cached_property

import streamlit as st

_SOURCE = "source"


@dataclass(frozen=True)
class Source:
    """One input as it was given.

    Attributes:
        name: what to call it on the page.
        data: the file's bytes; None for text.
        text: the words, for text-only input, or to go with the file instead of a transcript.
        origin: "upload", "recording", "live", "text" or "sample".
    """

    name: str
    data: bytes | None = None
    text: str | None = None
    origin: str = "upload"

    @property
    def mime(self) -> str:
        """The media type that the name stands for."""
        return mimetypes.guess_type(self.name)[0] or "application/octet-stream"

    @cached_property
    def digest(self) -> str:
        """sha256 of what was given; of a file without words, or of words alone, as in `Clip.digest`."""
        return hashlib.sha256((self.data or b"") + (self.text or "").encode()).hexdigest()


def chosen() -> Source | None:
    """The source that the person chose last, or None."""
    return st.session_state.get(_SOURCE)


def choose(source: Source | None) -> None:
    """Make `source` the one to show; None clears the page."""
    st.session_state[_SOURCE] = source
