"""Pieces of an answer that stand wherever one is shown: the places, the bars, the steps, the caveat."""

from __future__ import annotations

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mmer_core.inference.prediction import Prediction
from mmer_core.labels import MODALITY_TITLES, Modality
from ui.analyze.charts import contribution_steps, describe, emotion_bars
from ui.export import offer_figure
from ui.figure import CONFIG, percent, points
from ui.page import PAGES, ink
from ui.plot import show_figure
from ui.text import CAVEAT, plain
from ui.theme import emotion_colour


def beside() -> list[DeltaGenerator]:
    """Two columns, for the clip and its answer; on a phone the answer stands first."""
    with st.container(key="clip-and-answer"):
        return st.columns([2, 3], gap="medium")


def modality_switch(modality: Modality, key: str, *, missing: str = "", value: bool = True) -> bool:
    """The switch of a modality; returns whether it is on.

    Args:
        modality: that it switches.
        key: of the switch.
        missing: why the modality cannot count, as a sentence; the switch cannot be moved then.
        value: what it shows at first.
    """
    title = MODALITY_TITLES[modality]
    return st.toggle(
        title,
        value=value,
        key=key,
        disabled=bool(missing),
        persist_state="session",
        help=missing or f"Let the {title.lower()} count. Off: the answer is made without, at once.",
    )


def show_bars(
    prediction: Prediction, everything: Prediction | None = None, key: str = "emotions"
) -> go.Figure:
    """Show the probability of every emotion, and return the figure; `everything` is the answer with nothing
    switched off, if it is another one.
    """
    reference = None if everything is None else everything.probabilities
    figure = emotion_bars(prediction.probabilities, reference, ink())
    show_figure(figure, config=CONFIG, key=key, alt=describe(prediction.probabilities))
    if everything is not None:
        st.caption("The upright ticks mark the answer with everything on.")
    return figure


def show_contributions(prediction: Prediction) -> None:
    """From how common the emotion was in training to its probability, modality by modality."""
    st.markdown(f"#### What led to {plain(prediction.label)}")
    used = {m: prediction.contributions[m] for m in prediction.used}
    colour = emotion_colour(prediction.label, prediction.probabilities)
    figure = contribution_steps(used, prediction.probability, colour, ink())
    steps = ", ".join(f"{MODALITY_TITLES[m]} {points(v)}" for m, v in used.items())
    alt = f"Steps to {percent(prediction.probability)}: {steps}"
    show_figure(figure, config=CONFIG, key="contributions", alt=alt)
    st.caption(
        "Starting point: how common this emotion was in training. Each step is what one modality added or "
        "took away, averaged over every order of adding them (Shapley values), in percentage points."
    )
    offer_figure(figure, "contributions")


def show_caveat() -> None:
    """What an answer is and is not, with the way to the page that says more."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(CAVEAT, width="content")
        st.page_link(PAGES / "about.py", label="What it can and can't tell", icon=":material/info:")
