"""The files that were dropped together, kept for this visit."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ui.analyze.source import Source, choose, chosen

_FILES = "files"


def take_files(sources: Sequence[Source]) -> None:
    """Keep these files in place of those before them, and choose the first."""
    if sources:
        st.session_state[_FILES] = tuple(sources)
        choose(sources[0])


def drop_files() -> None:
    """Keep none of them any more."""
    st.session_state.pop(_FILES, None)


def files() -> tuple[Source, ...]:
    """The files that were dropped last."""
    found: tuple[Source, ...] = st.session_state.get(_FILES, ())
    return found


def several() -> tuple[Source, ...]:
    """The files to show as a table: those that were dropped together, if they are more than one and one of
    them was chosen last; else none.
    """
    now = chosen()
    found = files()
    there = now is not None and now.origin == "upload" and now in found
    return found if there and len(found) > 1 else ()
