"""The clip itself: player, picture or words; and the strings that pull the player from elsewhere on the page.

The scrubber and the list of moments move the player in the browser, without the server, so nothing is
reloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import streamlit as st

from mmer_core.clip import SAMPLE_RATE
from mmer_core.labels import Modality
from ui.analyze.analysis import Analysis
from ui.analyze.samples import sample_of
from ui.analyze.source import Source
from ui.analyze.window import Window, is_windowed, window_of
from ui.text import plain, seconds
from ui.theme import MODALITY_COLOURS

#: Containers that browsers play, with the media type to announce: Chromium plays QuickTime files only under
#: the name of MP4.
_PLAYED = {"video/mp4": "video/mp4", "video/quicktime": "video/mp4", "video/webm": "video/webm"}

#: Sounds that browsers play, by media type; of others, what was decoded is played.
_HEARD = frozenset(
    f"audio/{kind}"
    for kind in ("mpeg", "wav", "x-wav", "flac", "x-flac", "ogg", "opus", "mp4", "webm", "aac")
)


WHOLE = Window()


@dataclass(frozen=True)
class Moment:
    """A stretch of the clip, seconds, and what to write beside its time."""

    start: float
    end: float
    text: str


_SCRIPT = (Path(__file__).parent / "player.js").read_text(encoding="utf-8")
_SCRUBBER = st.components.v2.component(
    "mmer_scrubber",
    html='<div class="line"></div><input type="range" min="0" step="0.1" aria-label="Move the '
    'player"><output></output>',
    css="""
:host, div { display: block; }
.line { position: absolute; width: 2px; pointer-events: none; }
.line { background: var(--st-text-color); opacity: 0.7; }
input { display: block; margin: 0; height: 1.5rem; accent-color: var(--st-primary-color); cursor: pointer; }
output { display: block; font-size: 0.875rem; color: var(--st-text-color); opacity: 0.8; min-height: 1.3em; }
""",
    js=_SCRIPT,
)
_MOMENTS = st.components.v2.component(
    "mmer_moments",
    html="<ol></ol>",
    css="""
ol { list-style: none; margin: 0; padding: 0; max-height: 17rem; overflow-y: auto; }
button {
  display: flex; flex-wrap: wrap; gap: 0 0.9rem; width: 100%; text-align: left;
  font: inherit; font-size: 0.95rem; color: inherit;
  background: none; border: 0; border-radius: 0.4rem; padding: 0.45rem 0.5rem; cursor: pointer;
}
button:hover, button:focus-visible {
  background: var(--st-secondary-background-color); outline-color: var(--st-primary-color);
}
time { color: var(--st-primary-color); font-variant-numeric: tabular-nums; min-width: 8.2em; }
""",
    js=_SCRIPT,
)


def scrubber(
    figure: str,
    duration: float,
    margins: tuple[int, int],
    subtitles: Sequence[Moment],
    *,
    start: float = 0.0,
    window: Window = WHOLE,
    track: bool = True,
) -> float | None:
    """A slider under a figure over time: it follows the player and moves it, as does a click on the figure.

    Args:
        figure: key of the figure.
        duration: seconds that the figure's time axis spans.
        margins: pixels left and right of the time axis.
        subtitles: in order of time; what is said now stands beside the time.
        start: where the axis begins, seconds.
        window: what the player holds, in seconds of the axis.
        track: the player shows the subtitles, too.

    Returns:
        A moment that was asked for and is not in the window; None in every other run.
    """
    # tuples: a list would make Streamlit import pandas, see `ui.navigation`
    data = {
        "figure": figure,
        "start": start,
        "duration": duration,
        "margins": margins,
        "subtitles": tuple(asdict(s) for s in subtitles),
        "track": track,
        **_bounds(window),
    }
    return _asked(_SCRUBBER(data=data, key=f"scrubber-{figure}", on_at_change=_nothing))


def moments(key: str, listed: Sequence[Moment], window: Window = WHOLE) -> float | None:
    """A list of moments; each moves the player to its start. Returns as `scrubber`."""
    data = {"moments": tuple(asdict(m) for m in listed), **_bounds(window)}
    return _asked(_MOMENTS(data=data, key=key, on_at_change=_nothing))


def _bounds(window: Window) -> dict[str, float]:
    """The window for the script; JSON has no infinity."""
    return {"from": window.start} | ({} if window.end == float("inf") else {"to": window.end})


def _asked(result: Any) -> float | None:
    at = getattr(result, "at", None)
    return None if at is None else float(at)


def _nothing() -> None:
    """The value is read from the component."""


def show_clip(analysis: Analysis, key: str = "player") -> None:
    """The source as a person plays, sees or reads it, with its name and length; `key` is of the player."""
    clip, source = analysis.observation.clip, analysis.source
    with st.container(key=key):
        if source.is_words or not _show_as_it_is(source, clip.kind):
            _show_decoded(analysis)
    show_origin(source, clip.duration)


def show_source(source: Source, kind: str, duration: float, key: str = "player") -> None:
    """A sample before anything was read from it; see `show_clip`."""
    with st.container(key=key):
        if source.is_words:
            st.html(_quote(source.text or ""))
        else:
            _show_as_it_is(source, kind)
    show_origin(source, duration)


def show_origin(source: Source, duration: float) -> None:
    """The name and length of a source, and where a sample comes from."""
    if not source.is_words:
        length = f" · {seconds(duration)}" if duration else ""
        st.caption(plain(source.shown) + length)
    if sample := sample_of(source):
        st.caption(sample.credit)


def _show_as_it_is(source: Source, kind: str) -> bool:
    """Give the file to the browser; False if common browsers can't be expected to play or show it."""
    if is_windowed(source):
        return kind in ("video", "audio") and _show_part(source, kind)
    assert source.data is not None
    if kind == "picture" and _is_shown(source.data):
        st.image(source.data, width="stretch", alt="The picture that was given")
    elif kind == "audio" and source.mime in _HEARD:
        st.audio(source.data, format=source.mime, alt="The sound that was given")
    elif kind == "video" and _plays(source):
        st.video(source.data, format=_PLAYED[source.mime], alt="The clip that was given")
    else:
        return False
    return True


def _show_part(source: Source, kind: str) -> bool:
    """Give the stretch that the player holds to the browser; False if it plays no such file."""
    window = window_of(source)
    if window is None or window.excerpt is None:
        return False
    show = st.video if kind == "video" else st.audio
    show(
        window.excerpt.content,
        format=window.media_type(kind),
        start_time=int(window.play_at - window.start),
        alt="The clip that was given" if kind == "video" else "The sound that was given",
    )
    return True


def _show_decoded(analysis: Analysis) -> None:
    """What was decoded from a source, or the words."""
    clip, source = analysis.observation.clip, analysis.source
    if source.is_words:
        st.html(_quote(source.text or ""))
    elif clip.kind == "picture":
        shown = analysis.strip[0] if analysis.strip else source.data
        if shown is not None:
            st.image(shown, width="stretch", alt="The picture that was given")
    elif clip.kind == "audio" and clip.waveform is not None:
        st.audio(clip.waveform, sample_rate=SAMPLE_RATE, alt="The sound that was given")
    elif clip.kind == "audio" and source.data is not None:
        st.audio(source.data, format=source.mime, alt="The sound that was given")
    else:
        _show_frames(analysis)


def _is_shown(picture: bytes) -> bool:
    """Whether every browser shows a picture as it is; of others, what was decoded is shown."""
    return picture.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")) or picture[8:12] == b"WEBP"


def _plays(source: Source) -> bool:
    """Whether common browsers can be expected to play the video: H.265 is refused by most."""
    assert source.data is not None
    return source.mime in _PLAYED and b"hvc1" not in source.data and b"hev1" not in source.data


def _show_frames(analysis: Analysis) -> None:
    """Frames and sound of a video that a browser can't play."""
    with st.grid(3, min_column_width=100, gap="xsmall"):
        for frame in analysis.strip:
            st.image(frame, width="stretch", alt="A frame of the clip")
    waveform = analysis.observation.clip.waveform
    if waveform is not None:
        st.audio(waveform, sample_rate=SAMPLE_RATE, alt="The sound of the clip")
    st.caption("Browsers can't play this format, so here are its frames and its sound.")


def _quote(text: str) -> str:
    return (
        '<blockquote class="mmer-quote" '
        f'style="--accent:{MODALITY_COLOURS[Modality.TEXT]}">{escape(text)}</blockquote>'
    )
