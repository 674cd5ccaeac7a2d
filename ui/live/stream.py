"""The connection between browser and app: pictures and sound in, pictures with boxes and emotions back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.components.v1 import custom_component

from ui.live.visit import LiveVisit

if TYPE_CHECKING:
    import av

    from mmer_core.inference.live import LiveWorkers

_is_table = custom_component.is_dataframe_like
PATIENCE = 25.0  # seconds that a connection may take
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


def take_dicts_as_they_are() -> None:
    """Let a dict that a component is given be one. Streamlit looks whether it is a table of pandas and loads
    pandas to tell: 45 MB, and .4 s of the first visit to Live.
    """
    custom_component.is_dataframe_like = lambda obj: type(obj) is not dict and _is_table(obj)


def show_stream(visit: LiveVisit, servers: list[dict[str, Any]]) -> None:
    """The picture, while the visit runs; afterwards only until the connection has been taken down. To change
    a device it is taken down and made anew.
    """
    resting = not (visit.running and not visit.changing) and not _alive(visit)
    if resting and (visit.taken_down or _key(visit) not in st.session_state):
        _let_go(visit)
        resting = False
        if not visit.running:
            return
    from streamlit_webrtc import CallbackSinkTrack, WebRtcMode, webrtc_streamer

    take_dicts_as_they_are()
    workers = visit.workers
    assert workers is not None, "prepared before the start"
    if visit.sink is None:
        visit.sink = CallbackSinkTrack(_sound_callback(workers), "audio")
    webrtc_streamer(
        _key(visit),
        mode=WebRtcMode.SENDRECV,
        rtc_configuration={"iceServers": servers},
        media_stream_constraints={
            "video": constraints("video", visit) if "video" in visit.asked else False,
            "audio": constraints("audio", visit) if "audio" in visit.asked else False,
        },
        desired_playing_state=visit.running and not visit.changing and _mounted(visit),
        video_frame_callback=_picture_callback(visit, workers),
        sink_audio_track=visit.sink,
        sendback_video="video" in visit.asked,
        sendback_audio=False,
        video_html_attrs=_SCREEN,
        media_toggle_controls=False,
    )
    if resting:  # streamlit-webrtc has ended its side by now
        visit.taken_down = True
        st.rerun()


def constraints(kind: str, visit: LiveVisit) -> dict[str, Any]:
    """MediaTrackConstraints of "video" or "audio", with the device that the visit uses where it is known."""
    device = visit.devices.get(kind)
    which = {"deviceId": {"ideal": device.id}} if device else {}
    return {**(_VIDEO if kind == "video" else _AUDIO), **which}


def playing(visit: LiveVisit) -> bool:
    """Whether pictures or sound flow."""
    context = st.session_state.get(_key(visit))
    return context is not None and context.state.playing


def _key(visit: LiveVisit) -> str:
    return visit.streams[0]


def _mounted(visit: LiveVisit) -> bool:
    """Whether the browser's side is there and at rest. Told to start before that, streamlit-webrtc 0.79
    starts several times over.
    """
    from streamlit_webrtc.component import generate_frontend_component_key

    return st.session_state.get(generate_frontend_component_key(_key(visit))) is not None


def _alive(visit: LiveVisit) -> bool:
    """Whether there is a connection, or the beginnings or the rest of one."""
    context = st.session_state.get(_key(visit))
    return context is not None and (context.state.playing or context.state.signalling)


def _let_go(visit: LiveVisit) -> None:
    """Forget a connection that is down. The next one gets another element on the page: one that has run opens
    its old devices again.
    """
    if st.session_state.pop(_key(visit), None) is not None:
        visit.connection += 1
    visit.changing = visit.taken_down = False


def _picture_callback(visit: LiveVisit, workers: LiveWorkers) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """Hands each picture to the workers and draws on it where the faces are by now and what the headline and
    each face say; the next picture does not wait for the reading of this one.
    """
    import av as pyav

    from ui.live.picture import draw

    def paint(frame: av.VideoFrame) -> av.VideoFrame:
        picture = frame.to_ndarray(format="rgb24")
        workers.add_picture(picture)
        return pyav.VideoFrame.from_ndarray(
            draw(picture, workers.reader.now().faces, visit.shown, workers.reader.model.unsure_below),
            format="rgb24",
        )

    return paint


def _sound_callback(workers: LiveWorkers) -> Callable[[av.AudioFrame], None]:
    """Hands sound to the workers."""
    from mmer_core.inference.live.sound import SoundFrames

    sound = SoundFrames()
    return lambda frame: workers.add_sound(sound.samples(frame))
