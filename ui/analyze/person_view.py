"""One person's own answers: what the face says over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import streamlit as st

from mmer_core.clock import clock
from ui.analyze.people import said_by, show_everybody
from ui.analyze.player import Moment, scrubber
from ui.analyze.recording_charts import ticks
from ui.analyze.timeline_charts import LEFT, RIGHT
from ui.analyze.window import Window
from ui.figure import CONFIG, percent, quiet
from ui.page import ink
from ui.plot import show_figure
from ui.text import plain
from ui.theme import OUTLINE, emotion_colours, emotion_name

if TYPE_CHECKING:
    from mmer_core.recordings import Utterance
    from mmer_core.recordings.people import Person

_FIGURE = "person-timeline"
_FAINT = 0.45  # opacity of an unsure answer
_HEIGHT = 110  # pixels


def utterances_of(person: Person, utterances: Sequence[Utterance]) -> tuple[Utterance, ...]:
    """Those in which the person speaks, or is the one who is seen."""
    return tuple(
        u
        for u in utterances
        if u.face == person.number or (u.speaker is not None and u.speaker == person.speaker)
    )


def show_person(
    person: Person,
    name: str,
    *,
    labels: Sequence[str],
    span: tuple[float, float],
    key: str,
    window: Window,
) -> float | None:
    """Who was chosen, and what the face says over time.

    Args:
        person: who was chosen.
        name: what to call them.
        labels: of the model.
        span: from when to when, seconds.
        key: of the choice.
        window: what the player holds.

    Returns:
        As `player.scrubber`.
    """
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"##### {plain(name)}", width="content")
        st.caption(f"In view for {clock(person.seconds, tenths=False)}", width="content")
        st.button(
            "Show everybody",
            key=f"everybody-{key}",
            icon=":material/group:",
            on_click=show_everybody,
            args=(key,),
            help="Show the answers of all people again.",
        )
    if not person.emotions:
        st.caption("This face alone was not read: it is too small, or in view too briefly.")
        return None
    figure = person_figure(person, labels, span, ink())
    show_figure(figure, config=CONFIG, key=_FIGURE, alt=describe_person(person, name))
    now = [Moment(e.start, e.end, said_by(e)) for e in person.emotions]
    length = max(span[1] - span[0], 0.001)
    asked = scrubber(_FIGURE, length, (LEFT, RIGHT), now, start=span[0], window=window, track=False)
    st.caption("The face alone, without voice and words. Taller = more likely; faint = unsure.")
    return asked


def person_figure(
    person: Person, labels: Sequence[str], span: tuple[float, float], ink: str | None = None
) -> go.Figure:
    """What a face says over time: colour is the emotion, height its probability; unsure answers are faint."""
    colours = emotion_colours(labels)
    there = [label for label in labels if any(e.label == label for e in person.emotions)]
    figure = go.Figure()
    for label in there:
        own = [e for e in person.emotions if e.label == label]
        figure.add_bar(
            x=[(e.start + e.end) / 2 for e in own],
            width=[e.end - e.start for e in own],
            y=[e.probability for e in own],
            marker={
                "color": colours.get(label, OUTLINE),
                "opacity": [_FAINT if e.unsure else 1.0 for e in own],
                "line": {"width": 0},
            },
            customdata=[[f"{clock(e.start)} to {clock(e.end)}: {said_by(e)}"] for e in own],
            hovertemplate="%{customdata[0]}<extra></extra>",
            name=emotion_name(label),
        )
    at, bare = ticks(*span), {"fixedrange": True, "showgrid": False, "zeroline": False}
    words = [clock(t, tenths=False) for t in at]
    figure.update_xaxes(range=span, tickvals=at, ticktext=words, tickfont={"size": 12}, **bare)
    share = {"range": [0, 1], "tickvals": [0, 0.5, 1], "ticktext": ["0%", "50%", "100%"]}
    figure.update_yaxes(automargin=False, tickfont={"size": 12}, **share, **bare)
    quiet(figure, ink, height=_HEIGHT, left=LEFT, bargap=0)
    return figure.update_layout(
        margin={"r": RIGHT, "b": 26, "t": 26},
        hovermode="closest",
        barmode="overlay",
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 13}},
    )


def describe_person(person: Person, name: str) -> str:
    """The figure in words, for those who do not see it."""
    seconds: dict[str, float] = {}
    for e in person.emotions:
        seconds[e.label] = seconds.get(e.label, 0.0) + e.end - e.start
    whole = sum(seconds.values()) or 1.0
    shares = sorted(seconds.items(), key=lambda item: -item[1])
    return f"What the face of {name} says over time: " + ", ".join(
        f"{label} {percent(share / whole)}" for label, share in shares
    )
