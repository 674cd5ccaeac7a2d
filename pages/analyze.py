"""Give a clip, see the emotion, and the evidence for it in words, voice and face."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ui.analyze.analysis import Analysis, attempt
from ui.analyze.answer import show_answer
from ui.analyze.batch import show_table
from ui.analyze.batch_rows import read_next, why_not_read
from ui.analyze.comparison import show_comparison
from ui.analyze.files import several
from ui.analyze.intake import intake
from ui.analyze.progress import Progress
from ui.analyze.samples import shipped_answer
from ui.analyze.shipped import show_shipped
from ui.analyze.source import Source, chosen
from ui.analyze.strip import compared_with, show_strip
from ui.analyze.visit import remember
from ui.forgetting import show_forgotten
from ui.models import ModelUnavailable, model_loader, show_loading
from ui.page import frame
from ui.text import plain

_SHOWN = "shown"  # what stood on the page in the run before


def read(source: Source) -> Analysis | None:
    """The analysis of the source, or None after saying in one sentence why there is none."""
    found: Analysis | str = why_not_read(source, model_loader())
    if not found:
        with Progress() as progress:
            found = attempt(source, model_loader(), progress)
    if isinstance(found, str):
        st.error(plain(found), icon=":material/error:")
        return None
    return found


def show(source: Source, status: DeltaGenerator, place: DeltaGenerator) -> None:
    """The answer to the source, in its place. While it is read, `status` says so: a place of its own, for
    what follows an element in its place can inherit pieces of it.
    """
    if (other := compared_with()) is not None:
        show_comparison([source, other], model_loader(), read)
        return
    with status:
        analysis = read(source)
    if analysis is not None:
        with place.container():
            show_answer(analysis, model_loader().wait())


@contextmanager
def answer_place(shown: str) -> Iterator[DeltaGenerator]:
    """Where the answer stands. What stood there before is cleared at once if it was something else, or was
    not finished, so that it does not stay, pale, while this is read; otherwise it stays in place, and the
    player plays on.
    """
    before = st.session_state.pop(_SHOWN, None)
    yield st.empty() if before != shown else st.container()
    st.session_state[_SHOWN] = shown


def is_usable(waits: bool) -> bool:
    """Whether there may be a model to read with, after saying what there is to say about it.

    Args:
        waits: a clip is read, which itself waits for the model; a page run that the loading starts when it
            is done would break that off.
    """
    return True if waits and not model_loader().ready else show_loading()


with frame("Analyze"):
    remember()
    source = chosen()
    with st.container(key="asked" if source is None else "answered"):
        st.title("What emotion is in this clip?")
        show_strip()
        show_forgotten()
    intake(source)
    shipped = shipped_answer(source) if source is not None and compared_with() is None else None
    with st.container():  # always there, so that nothing below moves when the notice goes
        usable = is_usable(waits=source is not None)
    if source is not None and shipped is not None:
        with answer_place(f"shipped {source.digest}") as place, place.container():
            show_shipped(source, shipped)
    elif source is not None and usable:
        files, above, status = several(), st.container(), st.container()
        try:
            with above:
                progress = show_table(files, model_loader()) if files else None
            with answer_place(f"{source.digest} {compared_with() is not None}") as place:
                show(source, status, place)
            if progress is not None:
                read_next(files, model_loader(), progress)
        except ModelUnavailable:
            st.rerun()  # the model failed while this was waiting; the new run shows why
