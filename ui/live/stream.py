"""The connection between browser and app: pictures and sound in, pictures with box and emotion back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.live.visit import LiveVisit

if TYPE_CHECKING:
    import av

    from mmer_core.inference.live import LiveWorkers

PATIENCE = 25.0  # seconds that a connection may take
_KEY = "live-stream"
_VIDEO = {"width": {"ideal": 640}, "height": {"ideal": 480}, "frameRate": {"ideal": 24, "max": 30}}
# The voice as it is: what cleans it up for telephony takes part of its tone away. Nothing is played back that
# could echo.
_AUDIO = {"echoCancellation": False, "noiseSuppression": False, "autoGainControl": True}
_SCREEN = {
    "autoPlay": True,
    "controls": False,
    "muted": True,
    "style": {"width": "100%", "borderRadius": "0.5rem"},
}


def show_stream(visit: LiveVisit, servers: list[dict[str, Any]]) -> None:
    """The picture, while the visit runs; afterwards only until the connection has been taken down."""
    if not visit.running and not _alive():
        return
    from streamlit_webrtc import CallbackSinkTrack, WebRtcMode, webrtc_streamer

    workers = visit.workers
    assert workers is not None, "prepared before the start"
    if visit.sink is None:
        visit.sink = CallbackSinkTrack(_sound_callback(workers), "audio")
    webrtc_streamer(
        _KEY,
        mode=WebRtcMode.SENDRECV,
        rtc_configuration={"iceServers": servers},
        media_stream_constraints={
            "video": _VIDEO if "video" in visit.asked else False,
            "audio": _AUDIO if "audio" in visit.asked else False,
        },
        desired_playing_state=visit.running and _mounted(),
        video_frame_callback=_picture_callback(visit, workers),
        sink_audio_track=visit.sink,
        sendback_video="video" in visit.asked,
        sendback_audio=False,
        video_html_attrs=_SCREEN,
        media_toggle_controls=False,
    )


def playing() -> bool:
    """Whether pictures or sound flow."""
    context = st.session_state.get(_KEY)
    return context is not None and context.state.playing


def _mounted() -> bool:
    """Whether the browser's side is there and at rest. Told to start before that, streamlit-webrtc 0.79
    starts several times over.
    """
    from streamlit_webrtc.component import generate_frontend_component_key

    return st.session_state.get(generate_frontend_component_key(_KEY)) is not None


def _alive() -> bool:
    """Whether there is a connection, or the beginnings or the rest of one."""
    context = st.session_state.get(_KEY)
    return context is not None and (context.state.playing or context.state.signalling)


def _picture_callback(visit: LiveVisit, workers: LiveWorkers) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """Hands each picture to the workers and draws on it where the face is by now and what the headline says;
    the next picture does not wait for the reading of this one.
    """
    import av as pyav

    from ui.live.picture import draw

    def paint(frame: av.VideoFrame) -> av.VideoFrame:
        picture = frame.to_ndarray(format="rgb24")
        workers.add_picture(picture)
        return pyav.VideoFrame.from_ndarray(
            draw(picture, workers.reader.now().face, visit.shown), format="rgb24"
        )

    return paint


def _sound_callback(workers: LiveWorkers) -> Callable[[av.AudioFrame], None]:
    """Hands sound to the workers."""
    from mmer_core.inference.live.sound import SoundFrames

    sound = SoundFrames()
    return lambda frame: workers.add_sound(sound.samples(frame))
