"""The answer to one clip: emotion, switches, bars, a card per modality, what moved it, and the file to take away."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mmer_core.labels import EMOTION_COLOURS, MODALITY_TITLES, Modality
from mmer_core.prediction import Prediction
from ui.analysis import Analysis
from ui.answer_charts import contribution_steps, describe, emotion_bars
from ui.cards import show_face, show_opinion, show_voice, transcript_box
from ui.figure import CONFIG, emotion_name, percent, points
from ui.page import PAGES, ink
from ui.phrases import STEPS, agreement_sentence, certainty, margin_sentence, seconds
from ui.player import show_clip

if TYPE_CHECKING:
    from mmer_core.predictor import Observation, Predictor

CAVEAT = "This reads how an emotion is shown in words, voice and face. It does not know what a person feels, and it is often wrong."


def show_answer(analysis: Analysis, predictor: Predictor) -> None:
    """The clip beside its answer, and the evidence below. Switches and edited words redraw the answer, not the player."""
    left, right = st.columns([2, 3], gap="medium")
    with left:
        show_clip(analysis)
    _answer(analysis, predictor, right, st.container())


@st.fragment
def _answer(analysis: Analysis, predictor: Predictor, right: DeltaGenerator, below: DeltaGenerator) -> None:
    """Widgets first, then the prediction they ask for, then everything that shows it, in places laid out beforehand."""
    with right:
        headline, switches, bars = st.container(), st.container(horizontal=True, gap="small"), st.container()
    with below:
        cards = _card_places(predictor.modalities)
        moved, taken = st.columns([3, 2], gap="medium")
    with cards[Modality.TEXT]:
        opinion_of_words = st.container()
        words = transcript_box(analysis)
    observation = analysis.saying(words, predictor)
    with switches:
        use = _switches(analysis, observation, predictor.modalities)
    prediction = predictor.fuse(observation, use)
    everything = predictor.fuse(observation) if set(prediction.used) < set(observation.features) else None

    with headline:
        st.html(_headline(prediction))
    with bars:
        _show_bars(prediction, everything)
    for modality, place in cards.items():
        with opinion_of_words if modality is Modality.TEXT else place:
            show_opinion(prediction, modality)
    with cards[Modality.AUDIO]:
        show_voice(analysis)
    with cards[Modality.VISUAL]:
        show_face(observation.clip)
    with moved:
        _show_contributions(prediction)
    with taken:
        _show_record(prediction, analysis)


def _card_places(modalities: tuple[Modality, ...]) -> dict[Modality, DeltaGenerator]:
    columns = st.columns(len(modalities), gap="small")
    return {m: column.container(border=True, height="stretch") for m, column in zip(modalities, columns, strict=True)}


def _switches(analysis: Analysis, observation: Observation, modalities: tuple[Modality, ...]) -> set[Modality]:
    """One switch for each modality; those that the clip lacks cannot be turned on."""
    use = set()
    for modality in modalities:
        there = modality in observation.features
        title = MODALITY_TITLES[modality]
        on = st.toggle(
            title,
            value=True,
            key=f"use-{modality}-{analysis.digest}",
            disabled=not there,
            persist_state="session",
            help=f"Let the {title.lower()} count. Off: the answer is made without, at once."
            if there
            else f"Not in this clip: {observation.absent.get(modality)}.",
        )
        if on:
            use.add(modality)
    return use


def _headline(prediction: Prediction) -> str:
    """The emotion, large, on its colour; how sure; by how much; who agrees. Announced to screen readers when it changes."""
    lines = [f"<strong>{percent(prediction.probability)}</strong>, {certainty(prediction.probability)}. {margin_sentence(prediction.probabilities)}"]
    if not prediction.used:
        lines = ["Nothing is switched on or found, so this is only how often each emotion came up in training."]
    elif agreement := agreement_sentence(prediction):
        lines.append(agreement)
    body = "".join(f"<p>{line}</p>" for line in lines)
    title = f"<small>It reads as</small><h2>{emotion_name(prediction.label)}</h2>"
    return f'<div class="mmer-answer" role="status" style="--accent:{EMOTION_COLOURS[prediction.label]}">{title}{body}</div>'


def _show_bars(prediction: Prediction, everything: Prediction | None) -> None:
    reference = None if everything is None else everything.probabilities
    st.plotly_chart(emotion_bars(prediction.probabilities, reference, ink()), config=CONFIG, key="emotions", alt=describe(prediction.probabilities))
    if everything is not None:
        st.caption("The upright ticks mark the answer with everything on.")
    st.caption(CAVEAT)


def _show_contributions(prediction: Prediction) -> None:
    st.markdown(f"#### What led to {prediction.label}")
    used = {m: prediction.contributions[m] for m in prediction.used}
    st.plotly_chart(
        contribution_steps(used, prediction.probability, prediction.label, ink()),
        config=CONFIG,
        key="contributions",
        alt=f"Steps to {percent(prediction.probability)}: " + ", ".join(f"{MODALITY_TITLES[m]} {points(v)}" for m, v in used.items()),
    )
    st.caption(
        "Before looking: how often this emotion came up in training. Each step is what one modality added or took away, "
        "averaged over every order of adding them (Shapley values), in percentage points."
    )


def _show_record(prediction: Prediction, analysis: Analysis) -> None:
    """Notes, the JSON to take away, the way to the limits, and times."""
    st.markdown("#### Details")
    for note in prediction.notes:
        st.info(note, icon=":material/info:")
    timed = replace(prediction, timings={**analysis.seconds, "fuse": prediction.timings.get("fuse", 0.0)})
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download JSON",
            lambda: json.dumps(timed.to_json(), indent=2, ensure_ascii=False),  # made when asked for, not at every switch
            key="download",
            file_name=f"emotion-{prediction.label}-{analysis.digest[:8]}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
            help="This answer with all probabilities, subsets, contributions, notes and times; the clip itself is not in it.",
        )
        st.page_link(PAGES / "about.py", label="What it can and can't tell", icon=":material/info:")
    total = sum(timed.timings.values())
    with st.expander(f"Took {seconds(total)}", icon=":material/timer:"):
        rows = "\n".join(f"| {STEPS.get(step, step)} | {seconds(value)} |" for step, value in timed.timings.items())
        st.markdown(f"| Step | Time |\n| --- | ---: |\n{rows}")
        st.caption(f"Model {prediction.model.get('name', '?')}, {prediction.model.get('sha256', '')[:12]}")
