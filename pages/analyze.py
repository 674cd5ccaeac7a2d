"""Give a clip, see the emotion, and the evidence for it in words, voice and face."""

from __future__ import annotations

import streamlit as st

from ui.analyze.analysis import Analysis, attempt, was_read
from ui.analyze.answer import show_answer
from ui.analyze.batch import show_table
from ui.analyze.comparison import show_comparison
from ui.analyze.files import several
from ui.analyze.intake import intake
from ui.analyze.progress import Progress
from ui.analyze.samples import sample_of, shipped_answer
from ui.analyze.shipped import show_shipped
from ui.analyze.source import Source, chosen
from ui.analyze.strip import compared_with, show_strip
from ui.analyze.visit import remember
from ui.models import ModelUnavailable, model_loader, show_loading
from ui.page import frame
from ui.text import plain


def read(source: Source) -> Analysis | None:
    """The analysis of the source, or None after saying in one sentence why there is none."""
    with Progress() as progress:
        found = attempt(source, model_loader(), progress)
    if isinstance(found, str):
        st.error(plain(found), icon=":material/error:")
        return None
    return found


def show(source: Source) -> None:
    """The answer to the source; above it, where several files were given, the table of all."""
    # what was shown before must not stay, pale, above the progress of what is read now
    place = st.container() if was_read(source) or several() else st.empty()
    try:
        if files := several():
            source = show_table(files, model_loader())
        if (other := compared_with()) is not None:
            show_comparison([source, other], model_loader(), read)
            return
        with place.container():
            analysis = read(source)
        if analysis is not None:
            with place.container():
                show_answer(analysis, model_loader().wait())
    except ModelUnavailable:
        st.rerun()  # the model failed while this was waiting; the new run shows why


with frame("Analyze"):
    remember()
    source = chosen()
    with st.container(key="asked" if source is None else "answered"):
        st.title("What emotion is in this clip?")
        show_strip()
    intake(source)
    shipped = shipped_answer(source) if source is not None and compared_with() is None else None
    if source is not None and shipped is not None and (sample := sample_of(source)) is not None:
        if model_loader().ready:
            show_loading()  # says so if the model failed; the answer does not need it
        show_shipped(sample, source, shipped)
    else:
        with st.container():  # always there, so that nothing below moves when the notice goes
            usable = show_loading()
        if source is not None and usable:
            show(source)
