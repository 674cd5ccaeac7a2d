"""Train fusion models by cross-validation, and watch them: the same command line that a researcher would
type.
"""

from __future__ import annotations

import streamlit as st

from ui.page import frame, trusted
from ui.train.form import filled_form
from ui.train.start import show_start
from ui.train.watch import show_trainings


@st.fragment
def new_training() -> None:
    """The form; a control in it redraws no more than the form."""
    st.header("New training", anchor="new")
    form = filled_form()
    if form is not None:
        show_start(*form)


with frame("Train"):
    st.title("Train fusion models on your data")
    st.markdown(
        "Unless you ask for something else, every utterance is predicted by a model that has not "
        "met its speaker. "
        "Training goes on when you leave this page."
    )
    if trusted():
        show_trainings()
        new_training()
    else:
        st.info(
            "Training starts programs and reads folders on the machine that runs this app, so it is "
            "offered at that machine only. "
            "Whoever starts the app can allow it to all visitors with MMER_TRUST_VISITORS=1.",
            icon=":material/lock:",
        )
