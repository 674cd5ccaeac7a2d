"""The answer to one clip: emotion, switches, bars, a card per modality, what moved it, and the file to take
away.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mmer_core.inference.prediction import Prediction
from mmer_core.inference.timeline import changes
from mmer_core.labels import Modality
from ui.analyze.analysis import Analysis
from ui.analyze.batch import outdated
from ui.analyze.cards import (
    Card,
    card_places,
    context_box,
    show_face,
    show_unimodal,
    show_voice,
    transcript_box,
)
from ui.analyze.face_choice import choose_face
from ui.analyze.files import several
from ui.analyze.in_view import InView
from ui.analyze.nothing import show_notes, show_nothing
from ui.analyze.ordinary_voice import ordinary_voice
from ui.analyze.pieces import beside, modality_switch, show_bars, show_contributions
from ui.analyze.player import show_clip
from ui.analyze.recording import show_whole
from ui.analyze.take_away import offer_files, timed
from ui.analyze.timeline import show_timeline, timeline_of
from ui.analyze.trim import show_trimmer
from ui.analyze.why import show_why
from ui.export import offer_figure
from ui.headline import headline_html, warnings_html
from ui.text import STEPS, missing_sentence, plain, seconds, sentence_case

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.observation import Observation


#: On the player, beside it, and below both.
_Places = tuple[DeltaGenerator, DeltaGenerator, DeltaGenerator]


def show_answer(analysis: Analysis, model: EmotionModel) -> None:
    """The clip beside its answer, and the evidence below. Switches and edited words redraw the answer, not
    the player.
    """
    left, right = beside()
    with left:
        show_clip(analysis)
        on_player = st.container()
        show_trimmer(analysis)
    _answer(analysis, model, (on_player, right, st.container()))


@st.fragment
def _answer(analysis: Analysis, model: EmotionModel, places: _Places) -> None:
    """Widgets first, then the prediction they ask for, then everything that shows it, in places laid out
    beforehand.
    """
    on_player, right, below = places
    with right:
        top, switches, bars = st.container(), st.container(horizontal=True, gap="small"), st.container()
    with below:
        over_time, whole, why = st.container(), st.container(), st.container()
        cards = card_places(model.modalities)
        details, away = st.container(), st.container()
    _compare(analysis, model, cards)
    observation, person = _corrected(analysis, model, cards)
    with switches:
        use = _switches(analysis, observation, model) if observation.features else None
    prediction = model.fuse(observation, use)
    everything = model.fuse(observation) if set(prediction.used) < set(observation.features) else None
    timeline = timeline_of(observation, model, prediction.used, person)

    if not observation.features:
        with top:
            show_nothing(prediction, observation.clip.notes)
        _show_evidence(prediction, observation, cards)
        return
    changing = changes(timeline) if timeline is not None else ()
    with top:
        hint = _face_hint(observation, prediction)
        st.html(headline_html(prediction, changing) + warnings_html(prediction, hint))
        show_notes(observation.clip.notes)
    with bars:
        figure = show_bars(prediction, everything)
    _show_evidence(prediction, observation, cards)
    _show_what_was_read(analysis, observation, cards)
    in_view = InView(analysis, model, timeline, person)
    with on_player:
        in_view.show_on_player()
    with over_time:
        if timeline is not None:
            show_timeline(timeline, analysis)
        in_view.show_chosen()
    with whole:
        show_whole(analysis, model)
    with why:
        show_why(analysis, observation, model, prediction)
    with details:
        _show_details(prediction, observation, analysis, figure)
    with away:
        offer_files(prediction, analysis, observation, timeline, model, film=in_view.offer_film)


def _show_evidence(prediction: Prediction, observation: Observation, cards: Mapping[Modality, Card]) -> None:
    """What each modality says alone, on its card."""
    for modality, card in cards.items():
        with card.evidence:
            show_unimodal(prediction, modality, observation.baseline.get(modality))


def _show_details(
    prediction: Prediction, observation: Observation, analysis: Analysis, bars: go.Figure
) -> None:
    """What led to the answer, notes and times, folded; and the bars to take away."""
    with st.expander("Details"):
        left, right = st.columns([3, 2], gap="medium")
        with left:
            show_contributions(prediction)
        with right:
            st.caption("The bars above")
            offer_figure(bars, "emotions")
            _show_notes(prediction, observation.clip.notes)
            _show_times(prediction, analysis)


def _compare(analysis: Analysis, model: EmotionModel, cards: Mapping[Modality, Card]) -> None:
    """The ordinary voice, on the card of a voice. A table of several files, which stands outside, is made
    anew with it.
    """
    if Modality.AUDIO in analysis.observation.features:
        with cards[Modality.AUDIO].comparison:
            ordinary_voice(model)
        if several() and outdated():
            st.rerun()


def _corrected(
    analysis: Analysis, model: EmotionModel, cards: Mapping[Modality, Card]
) -> tuple[Observation, int | None]:
    """The observation with the words, the turns before them and the face that the person chose on the cards;
    and the face. A model that does not read one of them has no such control.
    """
    words, context, person = analysis.first_words, tuple[str, ...](), None
    if Modality.TEXT in model.encoders:
        with cards[Modality.TEXT].source:
            words = transcript_box(analysis)
    readers = [m for m, encoder in model.encoders.items() if encoder.spec.reads_dialogue]
    if readers:
        with cards[readers[0]].source:
            context = context_box(analysis)
    if Modality.VISUAL in model.encoders:
        with cards[Modality.VISUAL].source:
            person = choose_face(analysis, model)
    return analysis.corrected(words, person, model, context), person


def _show_what_was_read(analysis: Analysis, observation: Observation, cards: Mapping[Modality, Card]) -> None:
    """The sound and the face, on the cards that read them."""
    if Modality.AUDIO in cards:
        with cards[Modality.AUDIO].source:
            show_voice(analysis)
    if Modality.VISUAL in cards:
        with cards[Modality.VISUAL].source:
            show_face(observation.clip)


def _face_hint(observation: Observation, prediction: Prediction) -> str:
    several = len(observation.clip.people) > 1 and Modality.VISUAL in prediction.used
    return "To read another face, choose it under Face, below: the answer follows." if several else ""


def _switches(analysis: Analysis, observation: Observation, model: EmotionModel) -> set[Modality]:
    """One switch for each modality; those that the clip lacks cannot be turned on."""
    use = set()
    for modality in model.modalities:
        if modality in observation.features:
            missing = ""
        elif modality in model.missing:
            missing = missing_sentence(model.record["modalities"])
        else:
            missing = f"Not in this clip: {observation.absent.get(modality)}."
        if modality_switch(modality, f"use-{modality}-{analysis.digest}", missing=missing):
            use.add(modality)
    return use


def _show_notes(prediction: Prediction, used: Collection[str]) -> None:
    for note in prediction.notes:
        if note not in (*prediction.warnings, *used):  # those stand under the headline
            st.info(plain(sentence_case(note)), icon=":material/info:")


def _show_times(prediction: Prediction, analysis: Analysis) -> None:
    timings = timed(prediction, analysis).timings
    st.markdown(f"##### Took {seconds(sum(timings.values()))}")
    rows = "\n".join(f"| {STEPS.get(step, step)} | {seconds(value)} |" for step, value in timings.items())
    st.markdown(f"| Step | Time |\n| --- | ---: |\n{rows}")
    st.caption(f"Model {plain(prediction.model.get('name', '?'))}, {prediction.model.get('sha256', '')[:12]}")
