"""The state of the page when a clip holds nothing that can be read: what was looked for, what to do next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

import streamlit as st

from mmer_core.inference.prediction import Prediction
from mmer_core.labels import Modality
from ui.text import plain, sentence_case
from ui.theme import OUTLINE

_ADVICE = {
    Modality.TEXT: "type what was said under Words, below",
    Modality.AUDIO: "give a clip in which someone can be heard",
    Modality.VISUAL: "give one in which a face is seen from the front, and large enough",
}


def reasons(prediction: Prediction) -> list[str]:
    """Why each modality is absent: "voice: the sound is silent"."""
    return [f"{title}: {reason}" for title, reason in prediction.absences.items()]


def show_nothing(prediction: Prediction, notes: Sequence[str]) -> None:
    """In place of an answer, which could only be the classes' frequencies: what was looked for."""
    st.html(nothing_html(prediction))
    show_notes(notes)


def show_notes(notes: Sequence[str]) -> None:
    """Notes about the clip itself, such as that only its beginning was used; they stand beside the answer."""
    for note in notes:
        st.info(plain(sentence_case(note)), icon=":material/info:")


def nothing_html(prediction: Prediction) -> str:
    """In place of a headline: that nothing was found, each reason, and what helps. Announced to screen
    readers.
    """
    lines = "".join(f"<li>{escape(sentence_case(reason))}</li>" for reason in reasons(prediction))
    return (
        f'<div class="mmer-answer nothing" role="status" style="--accent:{OUTLINE}"><small>No answer</small>'
        f"<h2>Nothing to read</h2><p>Nothing was found to read an emotion from.</p><ul>{lines}</ul>"
        f"<p><strong>What to do:</strong> {escape(advice(prediction.modalities))}</p></div>"
    )


def advice(modalities: Collection[Modality]) -> str:
    """What to do next, for a model with these modalities, as a sentence."""
    steps = [_ADVICE[m] for m in modalities if m in _ADVICE]
    return sentence_case(", or ".join(steps)) if steps else ""
