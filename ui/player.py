"""The clip itself: player, picture or words."""

from __future__ import annotations

from html import escape

import streamlit as st

from mmer_core.clip import SAMPLE_RATE
from mmer_core.labels import MODALITY_COLOURS, Modality
from mmer_core.media import display_name
from ui.analysis import Analysis, Source
from ui.intake import credit_of
from ui.phrases import plain, seconds

#: Containers that browsers play, with the media type to announce: Chromium plays QuickTime files only under the name of MP4.
_PLAYED = {"video/mp4": "video/mp4", "video/quicktime": "video/mp4", "video/webm": "video/webm"}


def show_clip(analysis: Analysis) -> None:
    """Whatever was given, as a person would look at it, with its name and length."""
    clip, source = analysis.observation.clip, analysis.source
    if source.data is None:
        st.html(_quote(source.text or ""))
    elif clip.kind == "picture":
        st.image(source.data, width="stretch", alt="The picture that was given")
    elif clip.kind == "audio":
        st.audio(source.data, format=source.mime, alt="The sound that was given")
    elif _plays(source):
        st.video(source.data, format=_PLAYED[source.mime], alt="The clip that was given")
    else:
        _show_frames(analysis)
    if source.data is not None:
        st.caption(plain(display_name(source.name)) + (f" · {seconds(clip.duration)}" if clip.duration else ""))
    if credit := credit_of(source):
        st.caption(credit)


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
    return f'<blockquote class="mmer-quote" style="--accent:{MODALITY_COLOURS[Modality.TEXT]}">{escape(text)}</blockquote>'
