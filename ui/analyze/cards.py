"""One card for each modality: its own prediction, the effect on the answer, and what it was made from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mmer_core.clip import Clip, FaceTrack
from mmer_core.inference.baseline import Baseline
from mmer_core.inference.prediction import Prediction, UnimodalPrediction
from mmer_core.labels import MODALITY_TITLES, Modality
from ui.analyze.analysis import KEPT, Analysis, turns_in
from ui.analyze.charts import describe, sound_picture, unimodal_bars
from ui.analyze.intake import LONGEST_TEXT
from ui.figure import STILL
from ui.headline import modality_html, verdict_html
from ui.page import ink
from ui.plot import show_figure
from ui.text import against_sentence, contribution_sentence, plain, sentence_case

_PROMISES = {
    Modality.TEXT: "What is said, by speech recognition or typed by you. English works best.",
    Modality.AUDIO: "How it sounds: tone, loudness and pace, whatever the words.",
    Modality.VISUAL: "The expression of the main face, followed through the clip.",
    Modality.METADATA: "How long it is, and its place in the conversation.",
}
_NOT_USED = '<span class="absent">not used</span>'
_CROPS = 4  # fit side by side in a card, on a phone too
_SILENCE = 1e-4  # loudest sample; a picture of less is a solid block
_SHORTEST_PICTURE = 1600  # samples, 0.1 s; below that a spectrogram shows nothing


@dataclass(frozen=True)
class Card:
    """The places of a modality's card: its prediction, whatever it was made from, and what it may be compared
    with.
    """

    evidence: DeltaGenerator
    source: DeltaGenerator
    comparison: DeltaGenerator


def card_places(modalities: Sequence[Modality]) -> dict[Modality, Card]:
    """Empty cards, side by side."""
    found = {}
    for modality, column in zip(modalities, st.columns(len(modalities), gap="small"), strict=True):
        with column.container(border=True, height="stretch"):
            found[modality] = Card(st.container(), st.container(), st.container())
    return found


def show_unimodal(prediction: Prediction, modality: Modality, baseline: Baseline | None = None) -> None:
    """The upper part of a card: heading, unimodal prediction, contribution, and the baseline that it was
    compared with, if any; or why there is none.
    """
    own = prediction.modalities[modality]
    st.html(modality_html(modality, verdict_html(own) or _NOT_USED))
    if own.probabilities is None:
        st.caption(plain(_why_absent(own)))
        return
    show_figure(
        unimodal_bars(own.probabilities, ink=ink()),
        config=STILL,
        key=f"unimodal-{modality}",
        alt=f"{MODALITY_TITLES[modality]} alone. {describe(own.probabilities)}",
    )
    st.caption(" ".join((contribution_sentence(prediction, modality), against_sentence(baseline))).strip())


def show_promises(modalities: Collection[Modality]) -> None:
    """The cards before anything was given: the evidence that each of these modalities takes."""
    if not modalities:
        return
    with st.grid(len(modalities), border=True):
        for modality in modalities:
            st.html(f"{modality_html(modality)}<p class='mmer-promise'>{_PROMISES[modality]}</p>")


def _why_absent(own: UnimodalPrediction) -> str:
    """The reason as a sentence; a switch is another one than a clip that has nothing."""
    if own.reason == "switched off":
        return "Switched off above; the answer does without it."
    return sentence_case(own.reason or "nothing to go by")


def transcript_box(analysis: Analysis) -> str:
    """The words, to be corrected; returns them as they are now."""
    key = f"words-{analysis.digest}"
    transcribed = analysis.observation.transcribed
    box = st.container()
    if st.session_state.get(key, analysis.first_words).strip() != analysis.first_words.strip():
        st.button(
            "Restore the transcript" if transcribed else "Restore the first words",
            key=f"restore-{analysis.digest}",
            icon=":material/undo:",
            type="tertiary",
            on_click=lambda: st.session_state.update({key: analysis.first_words}),
            help="Undo your changes to the words.",
        )
    words = box.text_area(
        "Transcript (correct it if it is wrong)" if transcribed else "What was said",
        value=analysis.first_words,
        key=key,
        height=90,
        max_chars=LONGEST_TEXT,
        persist_state="session",
        placeholder="No words were found. Type what was said, and the answer follows.",
        help="Speech recognition makes mistakes. Change the words and leave the field, or press "
        "Ctrl+Enter: the answer follows.",
    )
    return words or ""


def context_box(analysis: Analysis) -> tuple[str, ...]:
    """The turns before the clip, oldest first; none unless the person types them."""
    with st.expander("What was said before it?"):
        text = st.text_area(
            "Said before it, one turn a line",
            key=f"context-{analysis.digest}",
            height=100,
            max_chars=LONGEST_TEXT,
            persist_state="session",
            placeholder="Did you get the job?\nThey called this morning.",
            help="The words are then read as an answer to these. Leave it empty if they stand alone.",
        )
    return turns_in(text)


def show_voice(analysis: Analysis) -> None:
    """Waveform and mel spectrogram, if there is sound."""
    waveform = analysis.observation.clip.waveform
    if waveform is not None and len(waveform) >= _SHORTEST_PICTURE and np.abs(waveform).max() > _SILENCE:
        figure = _sound_figure(analysis.digest, ink(), waveform)
        show_figure(
            figure, config=STILL, key="sound", alt="Waveform of the sound, and its mel spectrogram below"
        )


@st.cache_data(max_entries=KEPT, show_spinner=False, scope="session")
def _sound_figure(digest: str, colour: str | None, _waveform: np.ndarray) -> go.Figure:
    """The picture of a sound, keyed by the clip's digest and the colour of its text."""
    from mmer_core.encoders.voice_frames import log_mel

    return sound_picture(_waveform, log_mel(_waveform), colour)


def show_face(clip: Clip) -> None:
    """Up to four crops of the face that is read, spread over the clip, as the network sees them. Nothing
    where the choice between several people shows it already.
    """
    faces = clip.faces
    if faces is not None and len(faces) and len(clip.people) < 2:
        _show_crops(clip, faces)


def _show_crops(clip: Clip, faces: FaceTrack) -> None:
    picked = np.unique(np.linspace(0, len(faces) - 1, min(_CROPS, len(faces))).round().astype(int))
    with st.container(horizontal=True, gap="xsmall"):
        for i in picked:
            moment = "" if clip.kind == "picture" else f"{faces.times[i]:.1f} s"
            st.image(
                faces.crops[i],
                width=64,
                caption=moment or None,
                alt=f"The face {'at ' + moment if moment else 'that was found'}",
            )
    if clip.kind == "video":
        st.caption(f"Found in {len(faces)} of {faces.frames_seen} frames that were searched.")
