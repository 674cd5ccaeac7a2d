"""The About page: first what the model cannot do and what it is not for, then how good it is with strangers,
then privacy, and the rest of the models' cards folded away.
"""

from __future__ import annotations

import streamlit as st

from mmer_core.config import DEFAULT_CHECKPOINT, LARGE_CHECKPOINT
from mmer_core.inference.card import PROHIBITED
from mmer_core.media.file_checks import in_bytes
from ui.about.faithfulness import show_faithfulness
from ui.about.model import (
    record_or_error,
    show_large,
    show_limits,
    show_shipped,
    show_strangers,
    show_trained,
)
from ui.about.model_card import label_table
from ui.analyze.source import LARGE
from ui.forgetting import forget_button, show_forgotten
from ui.model_choice import is_shipped
from ui.models import chosen_folder
from ui.page import frame

LAW = "https://eur-lex.europa.eu/eli/reg/2024/1689/oj"
PRIVACY = (
    "- Everything is computed in this app's own process, on the computer that runs it; "
    "nothing is sent anywhere else, and there is no telemetry.\n"
    "- Camera and microphone are read only after you press start, and only until you press stop.\n"
    "- A file is written once to a temporary folder to be read, and removed at once; one of "
    f"{in_bytes(LARGE)} or more, and a recording that is read whole, stays there, for this app's eyes only, "
    "until its visit ends.\n"
    "- The last few clips stay in memory while this page is open, so that they need not be "
    "read again. Two minutes after you close it they are gone, in memory and on disk; with the button "
    "below, at once.\n"
    "- The app's log holds no clips, no words and no names of files.\n"
    "- Ask the people in a clip before you analyse it."
)


with frame("About"):
    st.title("About the model and its limits")
    st.markdown(
        "The app searches words, voice and face for emotions, first each on its own, then "
        "together. It learned them from what people labelled."
    )
    record = record_or_error(DEFAULT_CHECKPOINT)
    card = record["card"] if record else {}

    st.header("What it cannot do, and what it is not for", anchor="limits", icon=":material/block:")
    limits, uses = st.columns(2, gap="medium")
    with uses:
        st.subheader("Not for", anchor="not-for")
        st.markdown("\n".join(f"- {line[:1].upper()}{line[1:]}." for line in PROHIBITED))
        st.caption(f"The law in full: [Regulation (EU) 2024/1689]({LAW}), Articles 5 and 50.")
    with limits:
        show_limits(card)

    show_strangers(card)
    show_faithfulness()
    if not is_shipped():
        show_trained(chosen_folder())

    st.header("Your clips", anchor="privacy", icon=":material/lock:")
    st.markdown(PRIVACY)
    forget_button("Forget everything now", "forget-everything")
    show_forgotten()

    if record:
        title = "More about the model" if is_shipped() else "More about the shipped model"
        st.header(title, anchor="model", icon=":material/neurology:")
        show_shipped(DEFAULT_CHECKPOINT)
    show_large(LARGE_CHECKPOINT)

    st.header("Names of emotions", anchor="labels", icon=":material/label:")
    with st.expander("Names in corpora that count as one of the seven", icon=":material/label:"):
        st.markdown(
            "Corpora use different names. These count as one of the shipped model's seven; others, such as "
            "boredom, are left out there and kept in models that were trained on them."
        )
        st.markdown(label_table())
