"""The About page: uses that are ruled out, privacy, and the models with their data, figures and limits, all
from their cards.
"""

from __future__ import annotations

import streamlit as st

from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT
from mmer_core.inference.card import PROHIBITED
from ui.about.model import show_large, show_shipped, show_trained
from ui.about.model_card import label_table
from ui.model_choice import is_shipped
from ui.models import chosen_folder
from ui.page import frame

LAW = "https://eur-lex.europa.eu/eli/reg/2024/1689/oj"


with frame("About"):
    st.title("What the answers rest on")
    st.markdown(
        "The app searches words, voice and face for emotions, first each on its own, then "
        "together. It learned them from what people labelled."
    )

    use, privacy = st.columns(2, gap="medium")
    with use:
        st.subheader("Not for", anchor="not-for", icon=":material/block:")
        st.markdown("\n".join(f"- {line[:1].upper()}{line[1:]}." for line in PROHIBITED))
        st.caption(f"The law in full: [Regulation (EU) 2024/1689]({LAW}), Articles 5 and 50.")
    with privacy:
        st.subheader("Your clips", anchor="privacy", icon=":material/lock:")
        st.markdown(
            "- Everything is computed in this app's own process, on the computer that runs it; "
            "nothing is sent anywhere else, "
            "and there is no telemetry.\n"
            "- Camera and microphone are read only after you press start, and only until you press stop.\n"
            "- A file is written once to a temporary folder to be read, and removed at once.\n"
            "- The last few clips stay in memory while this page is open, so that they need not be "
            "read again. Nothing is kept after that.\n"
            "- Ask the people in a clip before you analyse it."
        )

    if not is_shipped():
        show_trained(chosen_folder())
    title = "The model" if is_shipped() else "The shipped model"
    st.subheader(title, anchor="model", icon=":material/neurology:")
    show_shipped(DEFAULT_CHECKPOINT)
    show_large(LARGE_CHECKPOINT)

    st.subheader("Names of emotions", anchor="labels", icon=":material/label:")
    st.markdown(
        "Corpora use different names. These count as one of the shipped model's seven; others, such as "
        "boredom, are left out there and kept in models that were trained on them."
    )
    st.markdown(label_table())
