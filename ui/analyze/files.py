"""The files in the uploader, one or several, kept for this visit."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui.analyze.analysis import Source, choose, chosen

_FILES = "files"


def take_files(sources: Sequence[Source]) -> None:
    """Keep the files of the uploader, and choose the first of those that are new; one that is gone from it is
    shown no longer.
    """
    before = {(s.name, s.digest) for s in files()}
    st.session_state[_FILES] = tuple(sources)
    new = [s for s in sources if (s.name, s.digest) not in before]
    now = chosen()
    if new:
        choose(new[0])
    elif now is not None and now.origin == "upload" and now not in sources:
        choose(sources[0] if sources else None)


def files() -> tuple[Source, ...]:
    """The files in the uploader."""
    found: tuple[Source, ...] = st.session_state.get(_FILES, ())
    return found


def several() -> tuple[Source, ...]:
    """The files to show as a table: those in the uploader if they are more than one and one of them was given
    last; else none.
    """
    now = chosen()
    found = files()
    there = now is not None and now.origin == "upload" and now in found
    return found if there and len(found) > 1 else ()
