"""The people in the running picture: what each face says, and the choice of the main person."""

from __future__ import annotations

from html import escape

import streamlit as st

from mmer_core.inference.live.moment import Moment, SeenFace
from mmer_core.media.colours import person_colour
from ui.headline import short_answer
from ui.live.answer import EVERY, workers_of
from ui.live.visit import LiveVisit

_LARGEST = 0  # in place of a person's number: nobody was chosen


@st.fragment(run_every=EVERY)
def show_people(visit: LiveVisit) -> None:
    """Below the picture; empty while one person or nobody is in view."""
    reader = workers_of(visit).reader
    moment, chosen = reader.now(), reader.people.chosen or _LARGEST
    # Always there: the browser takes away a container that holds nothing, and with it the place for the rest.
    st.html(people_html(moment, reader.model.unsure_below))
    if len(moment.known) < 2 and not chosen:
        return
    options = [_LARGEST, *moment.known]
    key = f"live-person-{chosen}-{'-'.join(map(str, options))}"  # other people, another choice

    def choose() -> None:
        reader.choose(st.session_state[key] or None)

    st.segmented_control(
        "Voice, words and face are read together for",
        options,
        default=chosen if chosen in options else _LARGEST,
        format_func=_title,
        key=key,
        required=True,
        on_change=choose,
        help="Of the others only the face is read. Left to itself, the app takes the largest, most central "
        "face and stays with it.",
    )


def people_html(moment: Moment, unsure_below: float) -> str:
    """What the faces of the others say, a line each, after a dot in the person's colour."""
    lines = "".join(
        f'<span style="--accent:{person_colour(f.person)}">Person {f.person}, face alone: '
        f"{escape(_said(f, unsure_below))}</span>"
        for f in moment.faces
        if not f.main
    )
    return f'<div class="mmer-people">{lines}</div>'


def _title(number: int) -> str:
    return f"Person {number}" if number else "Nearest"


def _said(face: SeenFace, unsure_below: float) -> str:
    if face.label is None or face.probabilities is None:
        return "not read"
    probability = face.probabilities[face.label]
    return short_answer(face.label, probability, probability < unsure_below)
