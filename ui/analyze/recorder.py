"""Recording with the browser's camera and microphone: a clip, a sound or a picture, handed over when the
person says so.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from ui.analyze.source import Source, choose

Way = Literal["video", "sound", "photo"]

LONGEST = 30  # seconds
VIDEO_BITS, AUDIO_BITS = 1_500_000, 96_000  # per second: 30 s are 6 MB
MOST = 20 * 2**20  # characters of base64; the server closes a connection that sends more than 25 MB at once
NOTICE = (
    "Nothing is recorded before you press start, and what you record stays in this window until you "
    "hand it over. Then it is read on the machine "
    "that runs this app and not stored. Pressing start is your consent; whoever else is in view or "
    "within earshot should agree as well."
)
WAYS: dict[Way, tuple[str, str]] = {
    "video": ("Video", f"Picture and sound, up to {LONGEST} seconds."),
    "sound": ("Sound", f"Your voice alone, up to {LONGEST} seconds."),
    "photo": ("Photo", "One picture, without sound."),
}
#: What browsers record, by media type without its parameters: what to call it on the page.
NAMES: dict[str, str] = {
    "video/webm": "recording.webm",
    "video/mp4": "recording.mp4",
    "audio/webm": "recording.webm",
    "audio/mp4": "recording.m4a",
    "image/jpeg": "photo.jpg",
}
log = logging.getLogger(__name__)


def _part(suffix: str) -> str:
    return (Path(__file__).parent / f"recorder.{suffix}").read_text(encoding="utf-8")


_COMPONENT = st.components.v2.component("mmer_recorder", html=_part("html"), css=_part("css"), js=_part("js"))


def recorder() -> None:
    """The choice of what to record, the notice, and the recorder; a finished recording becomes the chosen
    source.
    """
    way: Way = (
        st.segmented_control(
            "What to record",
            list(WAYS),
            format_func=lambda w: WAYS[w][0],
            default="video",
            required=True,
            key="recorder-way",
            label_visibility="collapsed",
            help="A clip lets face, voice and words speak; a sound or a photo only some of them.",
        )
        or "video"
    )
    st.caption(f"{WAYS[way][1]} {NOTICE}")
    key = f"recorder-{way}"
    data = {"way": way, "seconds": LONGEST, "video_bits": VIDEO_BITS, "audio_bits": AUDIO_BITS, "most": MOST}
    _COMPONENT(key=key, data=data, on_recorded_change=lambda: _take(key))


def _take(key: str) -> None:
    recorded = st.session_state[key].recorded
    source = as_source(recorded)
    if source is not None:
        choose(source)
    elif recorded:
        st.toast("The recording arrived damaged: record it once more.", icon=":material/error:")


def as_source(recorded: Mapping[str, Any] | None) -> Source | None:
    """The recording that the browser handed over, as a source; None, with a line in the log, for anything
    that the recorder does not send.
    """
    if not recorded:
        return None
    name = NAMES.get(str(recorded.get("type", "")).split(";")[0])
    try:
        content = base64.b64decode(recorded.get("content", ""), validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        log.warning("a recording could not be read: %s", error)
        return None
    if name is None or not content:
        log.warning("a recording of type %r with %d bytes was not taken", recorded.get("type"), len(content))
        return None
    return Source(name, content, origin="recording")
