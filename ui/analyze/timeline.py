"""The answer over time on the Analyze page: figure, scrubber, where the modalities disagree, files to take
away.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from mmer_core.inference.timeline import CONFIDENT, Timeline, cues, disagreements, subtitles
from mmer_core.labels import Modality
from ui.analyze.analysis import KEPT, Analysis
from ui.analyze.player import WHOLE, Moment, moments, scrubber
from ui.analyze.timeline_charts import (
    LEFT,
    RIGHT,
    describe_timeline,
    shown_emotions,
    stretch_sentence,
    timeline_figure,
    timeline_table,
)
from ui.analyze.window import Window, go_to, window_of
from ui.export import offer_figure, offer_file, offer_table
from ui.figure import CONFIG, percent
from ui.headline import short_answer
from ui.page import ink
from ui.plot import show_figure
from ui.text import OVER_TIME_CAVEAT
from ui.theme import EMOTION_SYMBOLS, emotion_colours, emotion_name

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.inference.observation import Observation
    from mmer_core.inference.windows import Windows

_FIGURE = "timeline"


def timeline_of(
    observation: Observation, model: EmotionModel, use: Collection[Modality], person: int | None = None
) -> Timeline | None:
    """The timeline with the modalities in `use`; None for a clip that is too short or has nothing to go by.
    Windows are kept per visit.

    Args:
        person: whose face the observation has, as in `Analysis.corrected`.
    """
    from mmer_core.inference.windows import fuse, has_timeline

    if not has_timeline(observation):
        return None
    clip = observation.clip
    context = clip.dialogue.previous if clip.dialogue else ()
    usual = tuple(baseline.fingerprint for baseline in observation.baseline.values())
    windows = _windows(
        (clip.digest, clip.text or "", context, person, model.identity["sha256"], usual), observation, model
    )
    return fuse(model, windows, use)


@st.cache_resource(max_entries=KEPT, show_spinner=False, scope="session")
def _windows(
    key: tuple[str, str, tuple[str, ...], int | None, str, tuple[str, ...]],
    _observation: Observation,
    _model: EmotionModel,
) -> Windows:
    """The windows of a clip, keyed by its digest, its words and the turns before them, the person followed,
    the model and the baseline.
    """
    from mmer_core.inference.windows import score_windows

    return score_windows(_model, _observation)


def show_timeline(timeline: Timeline, analysis: Analysis) -> None:
    """Everything about the clip over time, for one with a timeline."""
    st.markdown(
        "#### Over time",
        help="Click on the figure, move the slider or press a line of the list: the player goes there.",
    )
    figure = timeline_figure(timeline, ink())
    show_figure(figure, config=CONFIG, key=_FIGURE, alt=describe_timeline(timeline))
    texts = [
        Moment(c.start, c.end, f"Now: {short_answer(c.label, c.probability, c.unsure)}")
        for c in cues(timeline)
    ]
    window = clip_window(analysis)
    start = analysis.observation.clip.start
    asked = scrubber(_FIGURE, timeline.duration, (LEFT, RIGHT), texts, window=window)
    go_to(analysis.source, asked, start)
    st.html(legend(timeline))
    with st.expander("Where they disagree"):
        go_to(analysis.source, _show_disagreements(timeline, window), start)
        st.caption(OVER_TIME_CAVEAT)
        name = f"timeline-{analysis.digest[:8]}"
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            offer_figure(figure, name)
            offer_table(timeline_table(timeline), name)
            offer_file(
                "Subtitles",
                lambda: subtitles(timeline, EMOTION_SYMBOLS),
                f"emotion-{analysis.digest[:8]}.vtt",
                key="subtitles",
                icon=":material/subtitles:",
                quiet=True,
                help="The emotion as a subtitle file (WebVTT) for any player.",
            )


def legend(timeline: Timeline) -> str:
    """The emotions that the figure shows, each in its colour; a grey line for what is absent."""
    dot = "display:inline-block;width:0.8em;height:0.8em;border-radius:0.2em;margin-right:0.35em"
    colours = emotion_colours(timeline.labels)
    entries = [
        f'<span><i style="{dot};background:{colours[e]}"></i>{escape(emotion_name(e))}</span>'
        for e in shown_emotions(timeline)
    ]
    body = "".join([*entries, "<span>Taller = more likely; thin grey = not available</span>"])
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:0.2rem 1rem;font-size:0.9rem;opacity:0.9">{body}</div>'
    )


def clip_window(analysis: Analysis) -> Window:
    """What the player holds, in seconds of the clip, which begins where its stretch does."""
    window, start = window_of(analysis.source) or WHOLE, analysis.observation.clip.start
    return replace(window, start=window.start - start, end=window.end - start)


def _show_disagreements(timeline: Timeline, window: Window) -> float | None:
    """Returns as `player.moments`."""
    found = disagreements(timeline)
    if sum(not np.isnan(p).all() for p in timeline.unimodal.values()) < 2:
        st.caption("Nothing to compare: fewer than two modalities are there and switched on.")
    elif not found:
        st.caption("Nowhere for a second or more.")
    else:
        total = sum(s.end - s.start for s in found)
        count = "1 stretch" if len(found) == 1 else f"{len(found)} stretches"
        st.caption(
            f"{count} of a second or more, {total:.0f} s of {timeline.duration:.0f} s in all. Opinions below "
            f"{percent(CONFIDENT)} are left out."
        )
        return moments("disagreements", [Moment(s.start, s.end, stretch_sentence(s)) for s in found], window)
    return None
