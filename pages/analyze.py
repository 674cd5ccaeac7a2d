"""Give a clip, see the emotion, and the evidence for it in words, voice and face."""

from __future__ import annotations

import streamlit as st

from mmer_core.labels import Modality
from ui.analyze.analysis import Analysis, Source, attempt, chosen
from ui.analyze.answer import show_answer
from ui.analyze.batch import show_table
from ui.analyze.cards import show_promises
from ui.analyze.files import several
from ui.analyze.intake import intake
from ui.analyze.progress import Progress
from ui.model_choice import usable_modalities
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
    try:
        if files := several():
            source = show_table(files, model_loader())
        if (analysis := read(source)) is not None:
            show_answer(analysis, model_loader().wait())
    except ModelUnavailable:
        st.rerun()  # the model failed while this was waiting; the new run shows why


with frame("Analyze"):
    st.title("What emotion is in this clip?")
    intake()
    with st.container():  # always there, so that nothing below moves when the notice goes
        usable = show_loading()
    source = chosen()
    if source is None:
        modalities = usable_modalities()
        what = ", type a sentence or press a sample" if Modality.TEXT in modalities else " or press a sample"
        st.markdown(f"Drop a clip{what}: its emotion appears here, with the evidence of each of these.")
        show_promises(modalities)
    elif usable:
        show(source)
