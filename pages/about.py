"""What the model is, where it comes from, how good it is, and what it must not be used for. Figures come from the checkpoint, none from here."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from mmer_core.checkpoint import CheckpointError, read_record
from mmer_core.config import DEFAULT_CHECKPOINT
from mmer_core.default_model.card import LIMITS, PROHIBITED
from ui.model_card import card_body, data_table, fused_table, label_table, part_table
from ui.page import frame
from ui.phrases import sentence_case


def show_model(folder: Path) -> None:
    """The model's parts with data and figures, from the folder's record and its model card."""
    try:
        record = read_record(folder)
    except CheckpointError as error:
        st.error(sentence_case(str(error)), title="No model", icon=":material/error:")
        return
    st.caption(f"{record['name']} {record['version']} · {sentence_case(record['licence'])}")
    st.markdown(data_table(record))
    st.markdown("##### Each on its own")
    st.caption(
        "In per cent, on data that was not in training; where the corpus tells people apart, on other people. "
        "UA is the mean over the emotions of how many were found, so that rare ones count as much; F1 is weighted by how often each occurs."
    )
    st.markdown(part_table(record))
    st.markdown("##### Together")
    st.caption(sentence_case(f"scored on {record['figures']['fused']['what']}"))
    st.markdown(fused_table(record))
    card = folder / "README.md"
    if card.is_file():
        with st.expander("The whole model card, with every figure", icon=":material/description:"):
            st.markdown(card_body(card.read_text(encoding="utf-8")))


with frame("About"):
    st.title("What the answers rest on")
    st.markdown(
        "The app looks for seven emotions in words, voice and face, first each on its own, then together. It learned them from what people labelled."
    )

    use, privacy = st.columns(2, gap="medium")
    with use:
        st.subheader("Not for", anchor="not-for", icon=":material/block:")
        st.markdown("\n".join(f"- {line[:1].upper()}{line[1:]}." for line in PROHIBITED))
    with privacy:
        st.subheader("Your clips", anchor="privacy", icon=":material/lock:")
        st.markdown(
            "- Everything is computed in this app's own process; nothing is sent anywhere else, and there is no telemetry.\n"
            "- A file is written once to a temporary folder to be read, and removed at once.\n"
            "- The last few clips stay in memory while this page is open, so that they need not be read again. Nothing is kept after that.\n"
            "- Ask the people in a clip before you analyse it."
        )

    st.subheader("The model", anchor="model", icon=":material/neurology:")
    show_model(DEFAULT_CHECKPOINT)

    st.subheader("Limits", anchor="limits", icon=":material/warning:")
    st.markdown("\n".join(f"- {line}" for line in LIMITS))

    st.subheader("Names of emotions", anchor="labels", icon=":material/label:")
    st.markdown("Corpora use different names. These count as one of the seven; others, such as boredom, are left out.")
    st.markdown(label_table())
