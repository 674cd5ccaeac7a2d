"""The whole of a recording of which the answer above used only the beginning: read on demand, shown while it
is read, and to take away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from mmer_core.labels import MODALITY_TITLES, Modality
from ui.analyze.analysis import Analysis
from ui.analyze.player import Moment, moments
from ui.analyze.recording_job import JOBS, RecordingJob
from ui.export import offer_file, offer_table
from ui.figure import percent
from ui.headline import short_answer
from ui.text import certainty, plain, sentence_case
from ui.theme import emotion_name

if TYPE_CHECKING:
    from mmer_core.inference.emotion_model import EmotionModel
    from mmer_core.recordings import Recording, Utterance

EVERY = 1.0  # seconds
_CUT = "only the first"  # how the note of a clip begins that was not used whole
_FORMATS = {
    ".srt": "Subtitles (SRT)",
    ".vtt": "Subtitles (WebVTT)",
    ".json": "JSON",
    ".eaf": "ELAN",
    ".TextGrid": "Praat",
}


def is_cut(analysis: Analysis) -> bool:
    """Whether only the beginning of a video or sound was used."""
    clip = analysis.observation.clip
    return clip.kind in ("video", "audio") and any(note.startswith(_CUT) for note in clip.notes)


def show_whole(analysis: Analysis, model: EmotionModel) -> None:
    """The section for a recording that is longer than a clip; nothing for others."""
    if not is_cut(analysis):
        return
    st.markdown("#### The whole recording")
    key = f"{analysis.digest}-{model.identity['sha256']}"
    job = _jobs().get(key)
    if job is None:
        _offer(analysis, model, key)
    elif not job.ended:
        _show_running(key)
    else:
        _show_ended(job, key)


def _jobs() -> dict[str, RecordingJob]:
    """The recordings that this visit reads or has read."""
    found: dict[str, RecordingJob] = st.session_state.setdefault(JOBS, {})
    return found


def _offer(analysis: Analysis, model: EmotionModel, key: str) -> None:
    st.caption(
        "The answer above is to the first minute. The whole is read utterance by utterance; it goes on while "
        "you look at other pages."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        apart = st.toggle(
            "Tell speakers apart",
            value=True,
            key=f"apart-{analysis.digest}",
            help="Who speaks when, by the sound of the voices. Takes a tenth of the recording's length.",
        )
        if st.button(
            "Read all of it",
            key="whole-read",
            icon=":material/playlist_play:",
            help="Reads the whole recording, up to three hours, and shows what is found as it comes.",
        ):
            _jobs()[key] = RecordingJob(analysis.source, model, apart=apart)
            st.rerun()


@st.fragment(run_every=EVERY)
def _show_running(key: str) -> None:
    job = _jobs()[key]
    if job.ended:
        st.rerun()
    state = job.progress
    if state is None or not state.of:
        st.progress(0.0, text="Beginning…")
    else:
        left = "" if state.left is None else f", about {_duration(state.left)} left"
        what = "Telling speakers apart" if state.stage == "speakers" else "Reading utterances"
        done = f"{_duration(state.done)} of {_duration(state.of)}"
        st.progress(min(state.done / state.of, 1.0), text=f"{what}: {done}{left}")
    st.button(
        "Stop", key="whole-stop", icon=":material/close:", on_click=job.stop, help="Keep what was read."
    )
    _show_lines(job.utterances, {})


def _show_ended(job: RecordingJob, key: str) -> None:
    if job.error:
        st.error(plain(job.error), icon=":material/error:")
    recording = job.recording
    if recording is None or not recording.utterances:
        if not job.error:
            st.info("Nobody was heard or seen in it.", icon=":material/info:")
        return
    from mmer_core.recordings.summary import summarise

    for note in recording.notes:
        st.info(plain(sentence_case(note)), icon=":material/info:")
    summary = summarise(recording)
    st.markdown("\n".join(f"- {plain(line)}" for line in summary.sentences))
    names = _speaker_names(recording, key)
    _show_lines(recording.utterances, names)
    with st.expander("As a table"):
        table = utterance_table(recording.utterances, names)
        st.dataframe(table, hide_index=True, alt="The utterances, each with its answer")
        offer_table(table, "utterances")
    _offer_formats(recording)


def _speaker_names(recording: Recording, key: str) -> dict[int, str]:
    """{speaker: the name that the person gave}, asked for where speakers are known."""
    known = sorted({u.speaker for u in recording.utterances if u.speaker is not None})
    if not known:
        return {}
    with st.expander("Name the speakers"), st.container(horizontal=True):
        found = {
            speaker: st.text_input(
                f"Speaker {speaker + 1}", key=f"name-{speaker}-{key}", max_chars=40, persist_state="session"
            ).strip()
            for speaker in known
        }
    return {speaker: name for speaker, name in found.items() if name}


def _show_lines(utterances: Sequence[Utterance], names: Mapping[int, str]) -> None:
    """A line for each utterance, which moves the player to its start."""
    listed = [Moment(u.start, u.end, line_of(u, names)) for u in list(utterances)]
    if listed:
        moments("utterances", listed)


def line_of(utterance: Utterance, names: Mapping[int, str]) -> str:
    """An utterance in one line: "Ann: 😊 Joy 62% “I am so glad”"."""
    who = speaker_name(utterance, names)
    prediction = utterance.prediction
    answer = (
        utterance.reason
        if prediction is None
        else short_answer(prediction.label, prediction.probability, prediction.unsure)
    )
    words = f" “{utterance.words}”" if utterance.words else ""
    over = " (spoken over)" if utterance.overlapped else ""
    return f"{f'{who}{over}: ' if who else ''}{answer}{words}"


def speaker_name(utterance: Utterance, names: Mapping[int, str]) -> str:
    """Who speaks: the given name, or "Speaker 1"; "" where it is not known."""
    if utterance.speaker is None:
        return ""
    return names.get(utterance.speaker, f"Speaker {utterance.speaker + 1}")


def utterance_table(utterances: Sequence[Utterance], names: Mapping[int, str]) -> pd.DataFrame:
    """A row for each utterance, for people."""
    rows = []
    for u in utterances:
        p = u.prediction
        alone = {} if p is None else {m: p.modalities[m].label for m in p.used}
        rows.append(
            {
                "Start": round(u.start, 1),
                "End": round(u.end, 1),
                "Speaker": speaker_name(u, names),
                "Words": u.words,
                "Emotion": "" if p is None else emotion_name(p.label),
                "How sure": "" if p is None else f"{percent(p.probability)}, {certainty(p.probability)}",
                "Unsure": None if p is None else p.unsure,
                **{f"{MODALITY_TITLES[m]} alone": alone.get(m) or "" for m in _MODALITIES},
                "Note": "spoken over by another" if u.overlapped else u.reason,
            }
        )
    return pd.DataFrame(rows)


_MODALITIES = (Modality.TEXT, Modality.AUDIO, Modality.VISUAL)


def _offer_formats(recording: Recording) -> None:
    """The utterances in the formats of other programs, each made when it is asked for."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for suffix, title in _FORMATS.items():
            offer_file(
                title,
                partial(_written, recording, suffix),
                f"utterances{suffix}",
                key=f"whole{suffix}",
                icon=":material/download:",
                quiet=True,
                help=f"The utterances with speakers and emotions as {title}.",
            )


def _written(recording: Recording, suffix: str) -> bytes:
    import tempfile
    from pathlib import Path

    from mmer_core.recordings.exports import write

    with tempfile.TemporaryDirectory(prefix="mmer-") as folder:
        out = Path(folder) / f"utterances{suffix}"
        write(recording, out)
        return out.read_bytes()


def _duration(seconds: float) -> str:
    """Minutes and seconds: "3:05"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
