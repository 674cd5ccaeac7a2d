"""The answer to a sample that came with the app: there at once, before any model is loaded."""

from __future__ import annotations

import streamlit as st

from mmer_core.labels import Modality
from ui.analyze.cards import card_places, show_unimodal
from ui.analyze.pieces import beside, modality_switch, show_bars, show_caveat, show_contributions
from ui.analyze.player import show_source
from ui.analyze.samples import ShippedAnswer, read_here
from ui.analyze.source import Source
from ui.analyze.why import ask_why
from ui.headline import headline_html, warnings_html
from ui.text import plain


def show_shipped(source: Source, answer: ShippedAnswer) -> None:
    """A sample beside its answer, with switches; buttons read it anew, which brings the rest."""
    left, right = beside()
    with left:
        show_source(source, answer.kind, answer.duration)
        if answer.words and not source.is_words:
            st.markdown(f"**Words:** {plain(answer.words)}")
    _answer(source, answer, right, st.container())


@st.fragment
def _answer(
    source: Source,
    answer: ShippedAnswer,
    right: st.delta_generator.DeltaGenerator,
    below: st.delta_generator.DeltaGenerator,
) -> None:
    with right:
        top, switches, bars = st.container(), st.container(horizontal=True, gap="small"), st.container()
    with switches:
        use = {m for m in answer.whole.modalities if _switch(answer, m)}
    prediction, everything = answer.of(use), answer.whole
    complete = prediction.used == everything.used
    with top:
        st.html(headline_html(prediction, answer.changes if complete else ()) + warnings_html(prediction))
    with bars:
        show_bars(prediction, None if complete else everything)
    with below:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("This answer came with the app.", width="content")
            here = st.button(
                "Read it on this computer",
                key="read-here",
                icon=":material/replay:",
                help="Reads the sample with the model, and shows it over time, the face and the sound; words "
                "can then be changed.",
            )
            why = st.button(
                "Why this answer?", key="why", icon=":material/lightbulb:", help="Reads it, and shows why."
            )
        if here or why:
            read_here(answer.sample)
            if why:
                ask_why(source.digest)
            st.rerun(scope="app")
        for modality, card in card_places(tuple(prediction.modalities)).items():
            with card.evidence:
                show_unimodal(prediction, modality)
        with st.expander("Details"):
            show_contributions(prediction)
        show_caveat()


def _switch(answer: ShippedAnswer, modality: Modality) -> bool:
    there = modality in answer.present
    return modality_switch(
        modality,
        f"shipped-{modality}-{answer.sample.id}",
        missing="" if there else "Not in this sample.",
        value=there,
    )
