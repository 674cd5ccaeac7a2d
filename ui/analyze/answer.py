"""The answer to one clip: emotion, switches, bars, a card per modality, what moved it, and the file to take away."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mmer_core.labels import MODALITY_TITLES, Modality
from mmer_core.prediction import Prediction
from mmer_core.timeline import Timeline
from ui.analyze.analysis import Analysis
from ui.analyze.cards import show_face, show_opinion, show_voice, transcript_box, turns_before
from ui.analyze.charts import contribution_steps, describe, emotion_bars
from ui.analyze.clip_report import clip_report
from ui.analyze.face_choice import choose_face
from ui.analyze.player import show_clip
from ui.analyze.timeline import show_timeline, timeline_of
from ui.export import offer_figure, offer_file
from ui.figure import CONFIG, percent, points
from ui.headline import changes_html, headline_html, warnings_html
from ui.page import PAGES, ink
from ui.phrases import CAVEAT, STEPS, plain, seconds, sentence_case

if TYPE_CHECKING:
    from mmer_core.predictor import Observation, Predictor


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
        over_time = st.container()
        cards = _card_places(predictor.modalities)
        moved, taken = st.columns([3, 2], gap="medium")
    with cards[Modality.TEXT]:
        opinion_of_words = st.container()
        words = transcript_box(analysis)
        before = turns_before(analysis) if predictor.reads_dialogue else ()
    with cards[Modality.VISUAL]:
        opinion_of_face = st.container()
        person = choose_face(analysis)
    observation = analysis.corrected(words, person, predictor, before)
    with switches:
        use = _switches(analysis, observation, predictor.modalities)
    prediction = predictor.fuse(observation, use)
    everything = predictor.fuse(observation) if set(prediction.used) < set(observation.features) else None

    with headline:
        st.html(headline_html(prediction) + warnings_html(prediction, _face_hint(observation, prediction)))
    with bars:
        _show_bars(prediction, everything)
    for modality, place in (cards | {Modality.TEXT: opinion_of_words, Modality.VISUAL: opinion_of_face}).items():
        with place:
            show_opinion(prediction, modality)
    with cards[Modality.AUDIO]:
        show_voice(analysis)
    with cards[Modality.VISUAL]:
        show_face(observation.clip)
    with moved:
        _show_contributions(prediction)
    timeline = timeline_of(observation, predictor, prediction.used, person)
    if timeline is not None:
        if changing := changes_html(timeline):
            with headline:
                st.html(changing)
        with over_time:
            show_timeline(timeline, analysis)
    with taken:
        _show_notes(prediction)
        _offer_files(prediction, analysis, observation, timeline)
        _show_times(prediction, analysis)


def _face_hint(observation: Observation, prediction: Prediction) -> str:
    several = len(observation.clip.people) > 1 and Modality.VISUAL in prediction.used
    return "Another face can be chosen under Face, below." if several else ""


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


def _show_bars(prediction: Prediction, everything: Prediction | None) -> None:
    reference = None if everything is None else everything.probabilities
    figure = emotion_bars(prediction.probabilities, reference, ink())
    st.plotly_chart(figure, config=CONFIG, key="emotions", alt=describe(prediction.probabilities))
    if everything is not None:
        st.caption("The upright ticks mark the answer with everything on.")
    st.caption(CAVEAT)
    offer_figure(figure, "emotions")


def _show_contributions(prediction: Prediction) -> None:
    st.markdown(f"#### What led to {prediction.label}")
    used = {m: prediction.contributions[m] for m in prediction.used}
    figure = contribution_steps(used, prediction.probability, prediction.label, ink())
    st.plotly_chart(
        figure,
        config=CONFIG,
        key="contributions",
        alt=f"Steps to {percent(prediction.probability)}: " + ", ".join(f"{MODALITY_TITLES[m]} {points(v)}" for m, v in used.items()),
    )
    st.caption(
        "Before looking: how often this emotion came up in training. Each step is what one modality added or took away, "
        "averaged over every order of adding them (Shapley values), in percentage points."
    )
    offer_figure(figure, "contributions")


def _show_notes(prediction: Prediction) -> None:
    st.markdown("#### Details")
    for note in prediction.notes:
        if note not in prediction.warnings:  # those stand under the headline
            st.info(plain(sentence_case(note)), icon=":material/info:")


def _offer_files(prediction: Prediction, analysis: Analysis, observation: Observation, timeline: Timeline | None) -> None:
    """The answer as a report and as JSON; frames are in the report only if the person says so. Both are made when asked for."""
    stem = f"emotion-{prediction.label}-{analysis.digest[:8]}"
    with st.container(horizontal=True, vertical_alignment="center"):
        frames = bool(analysis.strip) and st.session_state.get(f"frames-{analysis.digest}", False)
        offer_file(
            "Report",
            lambda: clip_report(analysis.source, observation, prediction, timeline, tuple(analysis.strip) if frames else ()),
            f"{stem}.html",
            key="report",
            icon=":material/description:",
            help="All of this page's answer as one HTML file (5 MB) that opens offline and loads nothing.",
        )
        if analysis.strip:
            st.checkbox(
                "with frames",
                key=f"frames-{analysis.digest}",
                help="Put a few frames of the clip into the report, which otherwise holds nothing of it but the words.",
            )
        offer_file(
            "Download JSON",
            lambda: json.dumps(_timed(prediction, analysis).to_json(), indent=2, ensure_ascii=False),
            f"{stem}.json",
            key="download",
            icon=":material/download:",
            help="This answer with all probabilities, subsets, contributions, notes and times; the clip itself is not in it.",
        )
    st.page_link(PAGES / "about.py", label="What it can and can't tell", icon=":material/info:")


def _timed(prediction: Prediction, analysis: Analysis) -> Prediction:
    """The prediction with the time of every step, reading included."""
    return replace(prediction, timings={**analysis.seconds, "fuse": prediction.timings.get("fuse", 0.0)})


def _show_times(prediction: Prediction, analysis: Analysis) -> None:
    timings = _timed(prediction, analysis).timings
    with st.expander(f"Took {seconds(sum(timings.values()))}", icon=":material/timer:"):
        rows = "\n".join(f"| {STEPS.get(step, step)} | {seconds(value)} |" for step, value in timings.items())
        st.markdown(f"| Step | Time |\n| --- | ---: |\n{rows}")
        st.caption(f"Model {prediction.model.get('name', '?')}, {prediction.model.get('sha256', '')[:12]}")
