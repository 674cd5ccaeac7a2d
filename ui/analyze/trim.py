"""A stretch of a video or sound to answer, chosen with a slider of two ends under the player."""

from __future__ import annotations

from datetime import time, timedelta

import streamlit as st

from mmer_core.clip import Clip
from mmer_core.media.loading import DEFAULT_LIMITS
from ui.analyze.analysis import Analysis
from ui.analyze.source import Source, Stretch, choose, stretch_words

SHORTEST = 4.0  # seconds of what can be cut
LEAST = 1  # seconds of a stretch
LONGEST = 24 * 3600 - 1  # seconds that the slider can show
_LENGTHS = "lengths"


def show_trimmer(analysis: Analysis) -> None:
    """The slider, for a video or sound longer than a few seconds; what is chosen is answered when its button
    is pressed.
    """
    clip, source = analysis.observation.clip, analysis.source
    length = length_of(source, clip)
    if clip.kind in ("video", "audio") and length >= SHORTEST:
        _choose_stretch(source, length)


def length_of(source: Source, clip: Clip) -> float:
    """Seconds of the whole file: as its header says, or else the end of what was read so far."""
    lengths: dict[str, float] = st.session_state.setdefault(_LENGTHS, {})
    known = clip.whole or max(clip.start + clip.duration, lengths.get(source.file_digest, 0.0))
    lengths[source.file_digest] = known
    return known


@st.fragment
def _choose_stretch(source: Source, length: float) -> None:
    last = min(int(length), LONGEST)
    start, end = source.stretch or (0.0, float(last))
    hours = "H:mm:ss" if last >= 3600 else "m:ss"
    first, to = st.slider(
        "Use only a part",
        min_value=as_time(0),
        max_value=as_time(last),
        value=(as_time(int(start)), as_time(min(round(end), last))),
        step=timedelta(seconds=1),
        format=hours,
        key=f"trim-{source.digest[:16]}",
        help="Move the two ends, with the mouse or the arrow keys, then press the button: the answer is to "
        "that part, and the player plays it.",
    )
    wanted = stretch_between(as_seconds(first), as_seconds(to), length)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if wanted is None:
            st.caption(f"At least {LEAST} second is needed.")
        elif wanted != (source.stretch or (0.0, length)):
            _offer(source, wanted)
        if source.stretch is not None and st.button(
            "Back to all of it",
            key="trim-back",
            icon=":material/undo:",
            help="Answer the file from its start.",
        ):
            choose(source.cut(None))
            st.rerun(scope="app")


def _offer(source: Source, wanted: Stretch) -> None:
    """The button that answers the stretch."""
    if st.button(
        f"Use {stretch_words(wanted)}",
        key="trim-use",
        type="primary",
        icon=":material/content_cut:",
        help="Answer this part of it alone.",
    ):
        choose(source.cut(wanted))
        st.rerun(scope="app")
    if wanted[1] - wanted[0] > DEFAULT_LIMITS.max_seconds:
        st.caption("The answer is to its first minute; all of it can be read below.")


def stretch_between(first: int, to: int, length: float) -> Stretch | None:
    """The stretch between two whole seconds; the last one of the file stands for its end. None if it is too
    short.
    """
    end = length if to >= int(length) else float(to)
    return (float(first), end) if end - first >= LEAST else None


def as_time(seconds: int) -> time:
    """A time of day that stands for so many seconds, as the slider shows them."""
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60)


def as_seconds(at: time) -> int:
    """The inverse of `as_time`."""
    return at.hour * 3600 + at.minute * 60 + at.second
