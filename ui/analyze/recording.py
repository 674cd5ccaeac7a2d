"""The whole of a recording of which the answer above used only the beginning: read on demand and shown while
it is read. It can be stopped, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from mmer_core.clock import clock
from ui.analyze.analysis import Analysis
from ui.analyze.player import WHOLE, Moment, moments
from ui.analyze.recording_job import JOBS, Order, RecordingJob
from ui.analyze.recording_view import show_recording
from ui.analyze.source import Source, stretch_words
from ui.analyze.utterance_lines import line_of
from ui.analyze.window import go_to, window_of
from ui.text import place_in_line, plain

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.recordings import Progress, Recording, Utterance

EVERY = 1.0  # seconds
NEWEST = 30  # utterances that are listed while it is read
_CUT = "only the first"  # how the note of a clip begins that was not used whole
_STAGES = {"speakers": "Telling speakers apart", "utterances": "Reading utterances"}


def is_cut(analysis: Analysis) -> bool:
    """Whether only the beginning of a video or sound, or of its stretch, was used."""
    clip = analysis.observation.clip
    return clip.kind in ("video", "audio") and any(note.startswith(_CUT) for note in clip.notes)


def show_whole(analysis: Analysis, model: EmotionModel) -> None:
    """The section for a recording that is longer than a clip; nothing for others."""
    if not is_cut(analysis):
        return
    stretch = analysis.source.stretch
    st.markdown(f"#### All of {stretch_words(stretch)}" if stretch else "#### The whole recording")
    key = f"{analysis.digest}-{model.identity['sha256']}"
    job = _jobs().get(key)
    if job is None:
        _offer(analysis, model, key)
    elif not job.ended:
        _show_running(key)
    else:
        _show_ended(job, key, model)


def recording_of(analysis: Analysis, model: EmotionModel) -> tuple[Recording, str] | None:
    """The whole of a recording as it was read, and the key of its reading; None as long as it was not."""
    key = f"{analysis.digest}-{model.identity['sha256']}"
    job = _jobs().get(key) if is_cut(analysis) else None
    return None if job is None or job.recording is None else (job.recording, key)


def _jobs() -> dict[str, RecordingJob]:
    """The recordings that this visit reads or has read."""
    found: dict[str, RecordingJob] = st.session_state.setdefault(JOBS, {})
    return found


def _offer(analysis: Analysis, model: EmotionModel, key: str) -> None:
    st.caption(
        "The answer above is to the first minute. The whole is read utterance by utterance; it goes on while "
        "you look at other pages, and ends when you close this one."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        apart = st.toggle(
            "Tell speakers apart",
            value=True,
            key=f"apart-{analysis.digest}",
            help="Who speaks when, by the sound of the voices. It is settled when the end is reached.",
        )
        if st.button(
            "Read all of it",
            key="whole-read",
            icon=":material/playlist_play:",
            help="Reads the whole recording, up to three hours, and shows what is found as it comes.",
        ):
            _jobs()[key] = RecordingJob(Order(analysis.source, model, apart))
            st.rerun(scope="app")


@st.fragment(run_every=EVERY)
def _show_running(key: str) -> None:
    job = _jobs().get(key)
    if job is None or job.ended:
        st.rerun(scope="app")
    assert job is not None
    share, text = progress_line(job.progress)
    if job.progress is None and job.turn is not None and job.turn.number:
        text = place_in_line(job.turn.number, job.turn.left)
    st.progress(share, text=text)
    st.button(
        "Stop",
        key="whole-stop",
        icon=":material/close:",
        on_click=job.stop,
        disabled=job.stopped(),
        help="Keep what was read; it can go on later.",
    )
    _show_lines(job.order.source, list(job.utterances))


def progress_line(state: Progress | None) -> tuple[float, str]:
    """How far it is, in [0, 1], and the same in words with the time left."""
    if state is None or not state.of:
        return 0.0, "Beginning…"
    left = "" if state.left is None else f", about {clock(state.left, tenths=False)} left"
    done = f"{clock(state.done, tenths=False)} of {clock(state.of, tenths=False)}"
    return min(state.done / state.of, 1.0), f"{_STAGES.get(state.stage, state.stage)}: {done}{left}"


def _show_ended(job: RecordingJob, key: str, model: EmotionModel) -> None:
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
    recording = job.recording
    if recording is None or (job.stopped() and not recording.complete):
        _offer_more(job, stopped=not job.error)
    if recording is not None and recording.utterances:
        show_recording(recording, job.order.source, key, model.record)
    elif not job.error and recording is not None:
        st.info("Nobody was heard or seen in it.", icon=":material/info:")


def _offer_more(job: RecordingJob, *, stopped: bool) -> None:
    """The button that goes on where it was stopped, or tries again what could not be read."""
    if st.button(
        "Go on" if stopped else "Try again",
        key="whole-on",
        type="primary",
        icon=":material/resume:" if stopped else ":material/replay:",
        help="Reads on from where it was stopped." if stopped else "Begins anew; what was read is kept.",
    ):
        job.go_on()
        st.rerun(scope="app")


def _show_lines(source: Source, utterances: Sequence[Utterance]) -> None:
    """A line for each of the newest utterances so far, which moves the player to its start; of an hour there
    are hundreds, and they are sent anew every time.
    """
    listed = [Moment(u.start, u.end, line_of(u, {})) for u in reversed(utterances[-NEWEST:])]
    if len(utterances) > NEWEST:
        st.caption(f"{len(utterances)} utterances so far; these are the newest {NEWEST}.")
    if listed:
        go_to(source, moments("utterances", listed, window_of(source) or WHOLE))
