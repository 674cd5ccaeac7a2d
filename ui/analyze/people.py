"""Everybody in view, over the playing video: boxes with labels, captions, and the choice of one person whose
own answers the page then shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from mmer_core.media.colours import ink_on, person_colour
from ui.analyze.player import WHOLE
from ui.analyze.source import Source
from ui.analyze.window import Window
from ui.headline import short_answer

if TYPE_CHECKING:
    from mmer_core.recordings.people import FaceEmotion, Person

_FOLDER = Path(__file__).parent
_NOBODY = -1
Row = tuple[float, float, str]  # start and end, seconds, and text
_PEOPLE = st.components.v2.component(
    "mmer_people",
    html='<div class="layer" aria-hidden="true"></div><div class="row">'
    '<div class="switches" role="group" aria-label="Shown on the video">'
    '<label><input type="checkbox" name="faces">Faces</label>'
    '<label><input type="checkbox" name="captions">Captions</label></div>'
    '<div class="people" role="group" aria-label="Show one person alone"></div></div>',
    css=(_FOLDER / "people.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "people.js").read_text(encoding="utf-8"),
)


def choice_key(source: Source, *, whole: bool) -> str:
    """Where the choice of a person is kept: of all that was read of a source, or of the clip alone."""
    return f"person-{'whole' if whole else 'clip'}-{source.digest[:12]}"


def show_people(
    people: Sequence[Person],
    names: Mapping[int, str],
    captions: Sequence[Row],
    key: str,
    window: Window = WHOLE,
) -> None:
    """Switches and people below the player, and what they show on it.

    Args:
        people: who is in view and what their faces say, on the clock of `window`.
        names: {`Person.number`: what to call them}.
        captions: what is said.
        key: of the choice, see `choice_key`.
        window: what the player holds.
    """
    # tuples: a list would make Streamlit import pandas, see `ui.navigation`
    shown = tuple(_within(person, names[person.number], window) for person in people)
    data = {
        "people": shown,
        "captions": tuple(row for row in captions if row[1] > window.start and row[0] < window.end),
        "chosen": st.session_state.get(key),
        "from": window.start,
    }
    if shown or data["captions"]:
        _PEOPLE(data=data, key=f"people-{key}", on_person_change=partial(_choose, key))


def chosen_person(people: Sequence[Person], key: str) -> Person | None:
    """The one whose own answers are to be shown; None: everybody."""
    number = st.session_state.get(key)
    return next((person for person in people if person.number == number), None)


def show_everybody(key: str) -> None:
    """Let nobody be chosen."""
    st.session_state.pop(key, None)


def _choose(key: str) -> None:
    number = st.session_state[f"people-{key}"].person
    if number is None or number == _NOBODY:
        show_everybody(key)
    else:
        st.session_state[key] = int(number)


def _within(person: Person, name: str, window: Window) -> dict[str, Any]:
    """A person for the script, without what is outside of the window."""
    colour = person_colour(person.number + 1)
    return {
        "number": person.number,
        "name": name,
        "colour": colour,
        "ink": ink_on(colour),
        "sights": [
            {"times": sight.times, "boxes": sight.boxes}
            for sight in person.sights
            if sight.times[-1] >= window.start and sight.times[0] <= window.end
        ],
        "says": [
            (e.start, e.end, said_by(e))
            for e in person.emotions
            if e.end > window.start and e.start < window.end
        ],
    }


def said_by(emotion: FaceEmotion) -> str:
    """What a face says at a moment: "😊 Joy 62%", or "Unsure, perhaps 😊 Joy 31%"."""
    return short_answer(emotion.label, emotion.probability, emotion.unsure)
