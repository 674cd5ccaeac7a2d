"""One card for each modality: what it says on its own, what that did to the answer, and what it had to go by."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mmer_core.clip import Clip
from mmer_core.labels import MODALITY_COLOURS, MODALITY_TITLES, Modality
from mmer_core.prediction import Opinion, Prediction
from ui.analyze.analysis import KEPT, Analysis, turns_in
from ui.analyze.charts import describe, opinion_bars, sound_picture
from ui.analyze.intake import LONGEST_TEXT
from ui.figure import STILL, emotion_name, percent
from ui.page import ink
from ui.phrases import contribution_sentence, sentence_case

_PROMISES = {
    Modality.TEXT: "What is said, heard by speech recognition or typed by you. English works best.",
    Modality.AUDIO: "How it sounds: tone, loudness and pace, whatever the words.",
    Modality.VISUAL: "The expression of the main face, followed through the clip.",
}
_CROPS = 4  # fit side by side in a card, on a phone too
_SHORTEST_PICTURE = 1600  # samples, 0.1 s; below that a spectrogram shows nothing


def show_opinion(prediction: Prediction, modality: Modality) -> None:
    """The upper part of a card: heading, own opinion, contribution; or why there is none."""
    opinion = prediction.modalities[modality]
    st.html(_heading(modality, _verdict(opinion)))
    if opinion.probabilities is None:
        st.caption(_why_absent(opinion))
        return
    st.plotly_chart(
        opinion_bars(opinion.probabilities, ink=ink()),
        config=STILL,
        key=f"opinion-{modality}",
        alt=f"{MODALITY_TITLES[modality]} alone. {describe(opinion.probabilities)}",
    )
    st.caption(contribution_sentence(prediction, modality))


def show_promises() -> None:
    """The cards before anything was given: what each modality will go by."""
    with st.grid(len(_PROMISES), border=True):
        for modality, promise in _PROMISES.items():
            st.html(f"{_heading(modality)}<p class='mmer-promise'>{promise}</p>")


def _heading(modality: Modality, verdict: str = "") -> str:
    """The modality's name after a dot in its colour, and what it says at the right."""
    return f'<div class="mmer-modality" style="--accent:{MODALITY_COLOURS[modality]}"><h3>{MODALITY_TITLES[modality]}</h3>{verdict}</div>'


def _verdict(opinion: Opinion) -> str:
    if opinion.probabilities is None or opinion.label is None:
        return '<span class="absent">not used</span>'
    return f"<span><strong>{emotion_name(opinion.label)}</strong> {percent(opinion.probabilities[opinion.label])}</span>"


def _why_absent(opinion: Opinion) -> str:
    """The reason as a sentence; a switch is told apart from a clip that has nothing."""
    if opinion.reason == "switched off":
        return "Switched off above; the answer does without it."
    return sentence_case(opinion.reason or "nothing to go by")


def transcript_box(analysis: Analysis) -> str:
    """The words, to be corrected; returns what they are now."""
    key = f"words-{analysis.digest}"
    observation = analysis.observation
    box = st.container()
    changed = st.session_state.get(key, analysis.heard).strip() != analysis.heard.strip()
    if changed:
        st.button(
            "Restore what was heard" if observation.heard else "Restore the first words",
            key=f"restore-{analysis.digest}",
            icon=":material/undo:",
            type="tertiary",
            on_click=lambda: st.session_state.update({key: analysis.heard}),
            help="Undo your changes to the words.",
        )
    return (
        box.text_area(
            "Heard (correct it if it is wrong)" if observation.heard else "What was said",
            value=analysis.heard,
            key=key,
            height=140,
            max_chars=LONGEST_TEXT,
            persist_state="session",
            placeholder="No words were found. Type what was said, and the answer follows.",
            help="Speech recognition makes mistakes. Change the words and leave the field, or press Ctrl+Enter: the answer follows.",
        )
        or ""
    )


def turns_before(analysis: Analysis) -> tuple[str, ...]:
    """What was said before the clip, a turn each, oldest first; nothing unless the person tells."""
    with st.expander("What was said before it?"):
        told = st.text_area(
            "Said before it, one turn a line",
            key=f"before-{analysis.digest}",
            height=100,
            max_chars=LONGEST_TEXT,
            persist_state="session",
            placeholder="Did you get the job?\nThey called this morning.",
            help="The words are then read as an answer to these. Leave it empty if they stand alone.",
        )
    return turns_in(told)


def show_voice(analysis: Analysis) -> None:
    """Waveform and mel spectrogram, if there is sound."""
    waveform = analysis.observation.clip.waveform
    if waveform is not None and len(waveform) >= _SHORTEST_PICTURE:
        figure = _sound_figure(analysis.digest, ink(), waveform)
        st.plotly_chart(figure, config=STILL, key="sound", alt="Waveform of the sound, and its mel spectrogram below")
        st.caption("Loudness, and below it the pitches (low to high) that make up the sound, over time.")


@st.cache_data(max_entries=KEPT, show_spinner=False, scope="session")
def _sound_figure(digest: str, colour: str | None, _waveform: np.ndarray) -> go.Figure:
    """The picture of a sound, keyed by the clip's digest and the colour of its text."""
    from mmer_core.encoders.audio import log_mel

    return sound_picture(_waveform, log_mel(_waveform), colour)


def show_face(clip: Clip) -> None:
    """Up to four crops of the main face, spread over the clip, as the network sees them."""
    faces = clip.faces
    if faces is None or not len(faces):
        return
    picked = np.unique(np.linspace(0, len(faces) - 1, min(_CROPS, len(faces))).round().astype(int))
    with st.container(horizontal=True, gap="xsmall"):
        for i in picked:
            moment = "" if clip.kind == "picture" else f"{faces.times[i]:.1f} s"
            st.image(faces.crops[i], width=72, caption=moment or None, alt=f"The face {'at ' + moment if moment else 'that was found'}")
    if clip.kind == "video":
        st.caption(f"Found in {len(faces)} of {faces.frames_seen} frames that were looked at.")
