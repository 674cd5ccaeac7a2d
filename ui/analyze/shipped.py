"""The answer to a sample that came with the app: there at once, before any model is loaded."""

from __future__ import annotations

import streamlit as st

from mmer_core.labels import MODALITY_TITLES, Modality
from ui.analyze.cards import card_places, show_unimodal
from ui.analyze.pieces import beside, show_bars, show_caveat, show_contributions
from ui.analyze.player import show_source
from ui.analyze.samples import Sample, ShippedAnswer, read_here
from ui.analyze.source import Source
from ui.analyze.why import ask_why
from ui.headline import headline_html, warnings_html
from ui.text import plain


def show_shipped(sample: Sample, source: Source, answer: ShippedAnswer) -> None:
    """The sample beside its answer, with switches; buttons read it anew, which brings the rest."""
    left, right = beside()
    with left:
        show_source(source, kind_of(sample, answer), answer.duration)
        if answer.words and source.data is not None:
            st.markdown(f"**Words:** {plain(answer.words)}")
    _answer(sample, answer, right, st.container())


def kind_of(sample: Sample, answer: ShippedAnswer) -> str:
    """ "video", "audio" or "picture", as `Clip.kind`."""
    if Modality.VISUAL not in answer.present:
        return "audio"
    return "video" if answer.duration else "picture"


@st.fragment
def _answer(
    sample: Sample,
    answer: ShippedAnswer,
    right: st.delta_generator.DeltaGenerator,
    below: st.delta_generator.DeltaGenerator,
) -> None:
    with right:
        top, switches, bars = st.container(), st.container(horizontal=True, gap="small"), st.container()
    with switches:
        use = {m for m in answer.of(set(answer.present)).modalities if _switch(sample, answer, m)}
    prediction, everything = answer.of(use), answer.of(set(answer.present))
    complete = prediction.used == everything.used
    with top:
        st.html(headline_html(prediction, answer.changes if complete else ()) + warnings_html(prediction))
    with bars:
        show_bars(prediction, None if complete else everything)
    with below:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption("This answer came with the app.", width="content")
            if st.button(
                "Read it on this computer",
                key="read-here",
                icon=":material/replay:",
                help="Reads the sample with the model, and shows it over time, the face and the sound; words "
                "can then be changed.",
            ):
                read_here(sample)
                st.rerun(scope="app")
            if st.button(
                "Why this answer?", key="why", icon=":material/lightbulb:", help="Reads it, and shows why."
            ):
                read_here(sample)
                ask_why(sample.source().digest)
                st.rerun(scope="app")
        for modality, card in card_places(tuple(prediction.modalities)).items():
            with card.evidence:
                show_unimodal(prediction, modality)
        with st.expander("Details"):
            show_contributions(prediction)
        show_caveat()


def _switch(sample: Sample, answer: ShippedAnswer, modality: Modality) -> bool:
    title, there = MODALITY_TITLES[modality], modality in answer.present
    help = f"Let the {title.lower()} count. Off: the answer is made without, at once."
    return st.toggle(
        title,
        value=there,
        key=f"shipped-{modality}-{sample.id}",
        disabled=not there,
        persist_state="session",
        help=help if there else "Not in this sample.",
    )
