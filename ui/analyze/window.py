"""The part of a recording that the player holds: all of what fits into memory, else a stretch, cut from the
file without decoding it, which moves on when somebody goes to a moment outside.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import streamlit as st

from mmer_core.media.excerpt import Excerpt, cut_excerpt
from mmer_core.media.file_checks import MediaError
from ui.analyze.source import Source
from ui.upload_limit import upload_limits

LENGTH = 300.0  # seconds of a stretch that the player holds
BEFORE = 60.0  # seconds that are cut before a moment: one may want to go back a little
_BEGINS, _PLAY_AT = "window-begins", "window-play-at"
_MEDIA = {("mp4", "video"): "video/mp4", ("webm", "video"): "video/webm", ("mp4", "audio"): "audio/mp4"}
_MEDIA |= {("webm", "audio"): "audio/webm", ("wav", "audio"): "audio/wav"}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Window:
    """What the player holds, in seconds of the recording.

    Attributes:
        start: where it begins.
        end: where it ends; infinity for all of a recording.
        play_at: where it should start to play.
        excerpt: the stretch as a file; None for all of a recording.
    """

    start: float = 0.0
    end: float = float("inf")
    play_at: float = 0.0
    excerpt: Excerpt | None = None

    def media_type(self, kind: str) -> str:
        """The media type of the excerpt of a "video" or "audio"."""
        assert self.excerpt is not None
        return _MEDIA.get((self.excerpt.kind, kind), "video/mp4")


def is_windowed(source: Source) -> bool:
    """Whether the player holds only a part of what was given."""
    return source.file is not None or source.stretch is not None


def window_of(source: Source) -> Window | None:
    """What the player holds of a source; None where a part would have to be cut and cannot be: then what was
    decoded is shown in place of the file.
    """
    if not is_windowed(source):
        return Window()
    first, last = source.stretch or (0.0, float("inf"))
    start = max(st.session_state.get(f"{_BEGINS}-{source.digest}", first), first)
    try:
        excerpt = _excerpt((source.file_digest, start, min(last, start + LENGTH)), source)
    except MediaError as reason:
        log.warning("the player gets no part of a recording: %s", reason)
        return None
    if excerpt is None:
        return None
    play_at = st.session_state.get(f"{_PLAY_AT}-{source.digest}", start)
    return Window(excerpt.start, excerpt.end, max(play_at, excerpt.start), excerpt)


def move_window(source: Source, at: float) -> None:
    """Let the player hold the stretch that begins just before a moment, and play from there."""
    st.session_state[f"{_BEGINS}-{source.digest}"] = max(at - BEFORE, 0.0)
    st.session_state[f"{_PLAY_AT}-{source.digest}"] = at


def go_to(source: Source, asked: float | None, start: float = 0.0) -> None:
    """Show the page anew with the moment in the player, if one was asked for that it does not hold.

    Args:
        source: that is shown.
        asked: seconds, counted from `start`; None: nothing was asked for.
        start: seconds of the recording.
    """
    if asked is not None:
        move_window(source, asked + start)
        st.rerun(scope="app")


@st.cache_resource(max_entries=2, show_spinner=False, scope="session")
def _excerpt(key: tuple[str, float, float], _source: Source) -> Excerpt | None:
    """A stretch, keyed by the file's digest, its start and its end."""
    _, start, end = key
    kept = _source.kept()
    return cut_excerpt(kept.path, start, end, upload_limits())
